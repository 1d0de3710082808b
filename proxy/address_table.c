/* Chained hash over a fixed array; SipHash of OpenSSL. */
#include "address_table.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <uv.h>

#include "stopgap/banned.h"

enum { HASH_KEY_BYTES = 16, SUBSCRIBER_BYTES = 8 }; /* of an IPv6 address: a /64 */

struct address_place {
    struct net_address address;
    uint64_t n;                 /* connections; 0: free */
    struct address_place *next; /* of the chain, or of the free ones */
    size_t chain;
};

struct address_table {
    uv_mutex_t lock; /* guards all below but max_each */
    EVP_MAC_CTX *hash;
    unsigned char key[HASH_KEY_BYTES];
    uint64_t max_each;
    struct address_place *free;
    struct address_place *places;
    struct address_place **chains;
    size_t n_chains; /* a power of two */
};

static struct net_address subscriber_of(const struct net_address *address)
{
    struct net_address whole = *address;
    if (!net_address_is_ipv4(address))
        memset(whole.bytes + SUBSCRIBER_BYTES, 0, sizeof(whole.bytes) - SUBSCRIBER_BYTES);
    return whole;
}

static bool chain_of(struct address_table *table, const struct net_address *address,
                     size_t *ret_chain)
{
    uint64_t digest[2];
    size_t len = 0;
    if (EVP_MAC_init(table->hash, table->key, sizeof(table->key), NULL) != 1 ||
        EVP_MAC_update(table->hash, address->bytes, sizeof(address->bytes)) != 1 ||
        EVP_MAC_final(table->hash, (unsigned char *)digest, &len, sizeof(digest)) != 1)
        return false; /* no memory */
    *ret_chain = digest[0] & (table->n_chains - 1);
    return true;
}

static bool make_hash(struct address_table *table)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    table->hash = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context keeps it */
    return table->hash != NULL && RAND_bytes(table->key, sizeof(table->key)) == 1;
}

struct address_table *address_table_new(size_t max_places, uint64_t max_each, struct err *err)
{
    struct address_table *table = calloc(1, sizeof(*table));
    if (table == NULL || uv_mutex_init(&table->lock) != 0) {
        free(table);
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "no memory to count addresses");
        return NULL;
    }
    table->max_each = max_each;
    table->n_chains = 1;
    while (table->n_chains < max_places)
        table->n_chains *= 2;
    table->chains = calloc(table->n_chains, sizeof(*table->chains));
    table->places = calloc(max_places, sizeof(*table->places));
    if (!make_hash(table) || table->chains == NULL || table->places == NULL) {
        address_table_free(table);
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "no memory to count addresses");
        return NULL;
    }
    for (size_t i = 0; i < max_places; i++) {
        table->places[i].next = table->free;
        table->free = &table->places[i];
    }
    return table;
}

void address_table_free(struct address_table *table)
{
    if (table == NULL)
        return;
    EVP_MAC_CTX_free(table->hash);
    free(table->chains);
    free(table->places);
    uv_mutex_destroy(&table->lock);
    free(table);
}

/* The place of an address, a new one when it has none; NULL: there is none left. */
static struct address_place *find_place(struct address_table *table,
                                        const struct net_address *address)
{
    size_t chain;
    if (!chain_of(table, address, &chain))
        return NULL;
    for (struct address_place *place = table->chains[chain]; place != NULL; place = place->next)
        if (memcmp(&place->address, address, sizeof(*address)) == 0)
            return place;
    struct address_place *place = table->free;
    if (place == NULL)
        return NULL;
    table->free = place->next;
    *place =
        (struct address_place){.address = *address, .next = table->chains[chain], .chain = chain};
    table->chains[chain] = place;
    return place;
}

struct address_place *address_table_take(struct address_table *table,
                                         const struct net_address *address)
{
    struct net_address subscriber = subscriber_of(address);
    uv_mutex_lock(&table->lock);
    struct address_place *place = find_place(table, &subscriber);
    if (place != NULL && place->n >= table->max_each)
        place = NULL;
    if (place != NULL)
        place->n++;
    uv_mutex_unlock(&table->lock);
    return place;
}

void address_table_release(struct address_table *table, struct address_place *place)
{
    if (place == NULL)
        return;
    uv_mutex_lock(&table->lock);
    if (--place->n == 0) {
        struct address_place **link = &table->chains[place->chain];
        while (*link != place)
            link = &(*link)->next;
        *link = place->next;
        place->next = table->free;
        table->free = place;
    }
    uv_mutex_unlock(&table->lock);
}

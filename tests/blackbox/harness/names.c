/* getaddrinfo of a test: the file that NAMES_FILE names has a line "name address" for each name
 * that resolves. Loaded into the program with LD_PRELOAD. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int find(const char *name, char address[64])
{
    char line[256];
    char known[128];
    int found = 0;
    FILE *file = fopen(getenv("NAMES_FILE"), "r");
    while (file != NULL && found == 0 && fgets(line, sizeof(line), file) != NULL)
        found = sscanf(line, "%127s %63s", known, address) == 2 && strcmp(known, name) == 0;
    if (file != NULL)
        (void)fclose(file);
    return found;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
    char address[64];
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    size_t len = name != NULL ? strlen(name) : 0;
    if (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0)
        return real(name, service, hints, list);
    if (len < 5 || strcmp(name + len - 5, ".test") != 0)
        return real(name, service, hints, list);
    return find(name, address) ? real(address, service, hints, list) : EAI_AGAIN;
}

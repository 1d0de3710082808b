/* What an operator forces: pins on older sets, floors that are forgotten. */
#include "kept.h"

#include "stopgap/banned.h"

static struct trust_store *open_at(int64_t now)
{
    char root_path[PATH_SIZE * 2];
    char state_path[PATH_SIZE * 2];
    struct err err = {0};
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    (void)snprintf(state_path, sizeof(state_path), "%s", in_folder("state"));
    struct trust_store *store = trust_open(
        &(struct trust_options){.root_path = root_path, .state_dir = state_path, .now = now}, &err);
    must(store != NULL, &err);
    return store;
}

static struct trust_pin pin_to(uint64_t serial, int days)
{
    struct trust_pin pin = {.serial = serial,
                            .until = T_NOW + (int64_t)days * UTC_DAY_SECONDS,
                            .uid = 1000,
                            .reason = "OWA shows an empty page"};
    (void)snprintf(pin.name, sizeof(pin.name), "exchange-core");
    return pin;
}

static void test_a_pin_holds_an_older_set_and_ends_by_itself(void **state)
{
    (void)state;
    struct err err = {0};
    size_t n;
    start_anew();
    struct trust_store *store = open_store("state");
    struct trust_set first = keep(store, 1, TRUST_FROM_FEED);
    must(trust_begin(store, &first, 1, &err), &err);
    must(trust_prove(store, &err), &err);
    live(store, 2, TRUST_FROM_FEED, true);
    struct trust_pin pin = pin_to(1, 7);
    must(trust_pin(store, &pin, &err), &err);
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    must(trust_begin(store, &first, 1, &err), &err);
    assert_int_equal(name_of(store).candidate[1], 2); /* to come back */
    keep(store, 3, TRUST_FROM_FEED);                  /* a newer one waits */
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    assert_int_equal(name_of(store).pin.uid, 1000);
    assert_string_equal(name_of(store).pin.reason, "OWA shows an empty page");
    assert_int_equal(name_of(store).floor[1], 3);
    trust_close(store);

    store = open_at(T_NOW + 6 * UTC_DAY_SECONDS);
    must(trust_end_pins(store, &n, &err), &err);
    assert_int_equal(n, 0);
    trust_close(store);
    store = open_at(T_NOW + 7 * UTC_DAY_SECONDS);
    must(trust_end_pins(store, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_int_equal(chosen(store, TRUST_NEWEST), 3);
    trust_close(store);
}

static void test_a_pinned_name_gives_the_pinned_set_whatever_file_is_configured(void **state)
{
    (void)state;
    struct err err = {0};
    char path[PATH_SIZE * 2];
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FILE, true);
    live(store, 2, TRUST_FROM_FILE, true);
    struct bundle *bundle = bundle_open(store, in_folder("s2"), &err);
    assert_false(trust_find_pinned(store, bundle, path, sizeof(path)));
    struct trust_pin pin = pin_to(1, 7);
    must(trust_pin(store, &pin, &err), &err);
    assert_true(trust_find_pinned(store, bundle, path, sizeof(path)));
    bundle_close(bundle);
    bundle = bundle_open(store, path, &err);
    must(bundle != NULL, &err);
    assert_int_equal(bundle_serial(bundle), 1);
    assert_false(trust_find_pinned(store, bundle, path, sizeof(path)));
    bundle_close(bundle);
    must(trust_unpin(store, "exchange-core", &err), &err);
    assert_false(trust_unpin(store, "exchange-core", &err));
    assert_string_equal(err.code, "E_PIN_UNKNOWN");
    trust_close(store);
}

static void test_pins_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t serial;
        int days;
        const char *reason;
        const char *code;
    } cases[] = {
        {9, 7, "why", "E_PIN_UNKNOWN"},       {1, 0, "why", "E_PIN_UNTIL"},
        {1, 92, "why", "E_PIN_UNTIL"},        {1, 7, "", "E_PIN_REASON"},
        {1, 7, "two\nlines", "E_PIN_REASON"},
    };
    struct err err = {0};
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trust_pin pin = pin_to(cases[i].serial, cases[i].days);
        (void)snprintf(pin.reason, sizeof(pin.reason), "%s", cases[i].reason);
        assert_false(trust_pin(store, &pin, &err));
        check_code("pin", err.code, cases[i].code);
    }
    assert_int_equal(name_of(store).pin.serial, 0);
    assert_false(trust_reset_floor(store, "nobody", &err));
    assert_string_equal(err.code, "E_FLOOR_UNKNOWN");
    trust_close(store);
}

static void test_a_set_that_is_held_waits_for_an_operator(void **state)
{
    (void)state;
    struct err err = {0};
    start_anew();
    struct trust_store *store = open_store("state");
    live(store, 1, TRUST_FROM_FEED, true);
    struct trust_set first = {.serial = 0};
    struct trust_set second = keep(store, 2, TRUST_FROM_FEED);
    memcpy(first.name, second.name, sizeof(first.name));
    first.epoch = first.serial = second.epoch;
    assert_false(trust_may_remove(store, &second, &first));
    must(trust_hold(store, &second, &err), &err);
    trust_close(store);

    store = open_store("state");
    assert_true(trust_is_held(store, &second));
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    assert_int_equal(name_of(store).candidate[1], 2);
    assert_string_equal(name_of(store).failed_code, TRUST_HELD_CODE);
    struct trust_facts facts;
    must(trust_collect(store, &facts, &err), &err);
    assert_true(facts.is_behind);
    assert_false(trust_approve(store, "exchange-core", 3, &err));
    assert_string_equal(err.code, "E_APPROVE_UNKNOWN");
    struct trust_pin pin = pin_to(2, 7); /* a wish, too */
    must(trust_pin(store, &pin, &err), &err);
    assert_int_equal(chosen(store, TRUST_NEWEST), 2);
    must(trust_unpin(store, "exchange-core", &err), &err);
    assert_int_equal(chosen(store, TRUST_NEWEST), 1);
    must(trust_approve(store, "exchange-core", 2, &err), &err);
    trust_close(store);

    store = open_store("state");
    assert_false(trust_is_held(store, &second));
    assert_true(trust_may_remove(store, &second, &first));
    assert_int_equal(chosen(store, TRUST_NEWEST), 2);
    assert_string_equal(name_of(store).failed_code, "");
    struct trust_set third = keep(store, 3, TRUST_FROM_FEED);
    assert_false(trust_may_remove(store, &third, &second));
    third.epoch++; /* said by the holders of the root */
    assert_true(trust_may_remove(store, &third, &second));
    trust_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pin_holds_an_older_set_and_ends_by_itself),
        cmocka_unit_test(test_a_pinned_name_gives_the_pinned_set_whatever_file_is_configured),
        cmocka_unit_test(test_a_set_that_is_held_waits_for_an_operator),
        cmocka_unit_test(test_pins_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}

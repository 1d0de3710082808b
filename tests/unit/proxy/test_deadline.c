/* The wheel of deadlines against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deadline.h"
#include "http/message.h"
#include "proxy_limits.h"

enum { N = 40 };

struct model {
    struct deadline_wheel wheel;
    struct deadline deadlines[N];
    uint64_t at[N];  /* 0: not set */
    uint64_t due[N]; /* the same, but not before it was set */
    uint64_t now;
};

static void set(struct model *model, size_t i, uint64_t at)
{
    deadline_set(&model->wheel, &model->deadlines[i], at);
    model->at[i] = at;
    model->due[i] = at > model->now ? at : model->now;
}

/* What the wheel gives up is due, and what has been due for a sweep is given up. */
static void sweep(struct model *model)
{
    struct deadline *deadline;
    while ((deadline = deadline_sweep(&model->wheel, model->now)) != NULL) {
        size_t i = (size_t)(deadline - model->deadlines);
        assert_in_range(i, 0, N - 1);
        assert_true(model->at[i] != 0 && model->at[i] <= model->now);
        model->at[i] = 0;
    }
    for (size_t i = 0; i < N; i++)
        if (model->at[i] != 0)
            assert_true(model->due[i] + 2 * TIMEOUT_SWEEP_MS > model->now);
}

/* Times from "long ago" over "one sweep" to "round the wheel several times". */
static uint64_t random_time(const struct model *model, uint64_t draw)
{
    static const uint64_t ranges[] = {1, TIMEOUT_SWEEP_MS, 5000, 64 * 1000, 3900 * 1000};
    uint64_t ahead = (draw >> 20) % ranges[(draw >> 8) % 5];
    uint64_t at = model->now + ahead;
    return (draw >> 16) % 16 == 0 && at > 2000 ? at - 2000 : at;
}

static void test_every_deadline_comes_once_and_in_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct model model;
        uint64_t random = seed;
        memset(&model, 0, sizeof(model));
        model.now = 1 + test_random(&random) % 10000000;
        deadline_wheel_init(&model.wheel, model.now);
        for (unsigned step = 0; step < 3000; step++) {
            uint64_t draw = test_random(&random);
            size_t i = (size_t)(draw >> 56) % N;
            switch (draw % 8) {
            case 0:
                deadline_clear(&model.wheel, &model.deadlines[i]);
                model.at[i] = 0;
                break;
            case 1:
                model.now += (draw >> 8) % ((draw & 0x80) != 0 ? 400 : 90000);
                sweep(&model);
                break;
            default:
                set(&model, i, random_time(&model, draw));
                break;
            }
        }
        for (size_t i = 0; i < N; i++)
            model.now = model.at[i] > model.now ? model.at[i] : model.now;
        model.now += 2 * TIMEOUT_SWEEP_MS;
        sweep(&model);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(model.at[i], 0);
    }
}

static void test_a_deadline_that_is_set_inside_a_sweep_does_not_come_in_the_same_one(void **state)
{
    struct deadline_wheel wheel;
    struct deadline deadline = {0};
    (void)state;
    deadline_wheel_init(&wheel, 1000);
    deadline_set(&wheel, &deadline, 900); /* long over */
    assert_ptr_equal(deadline_sweep(&wheel, 2000), &deadline);
    deadline_set(&wheel, &deadline, 900);
    unsigned n = 0;
    while (deadline_sweep(&wheel, 2000) != NULL && n < 20) {
        deadline_set(&wheel, &deadline, 900);
        n++;
    }
    assert_in_range(n, 0, 10); /* bounded: a turn of the wheel each */
}

static void test_clearing_twice_is_safe(void **state)
{
    struct deadline_wheel wheel;
    struct deadline deadline = {0};
    (void)state;
    deadline_wheel_init(&wheel, 0);
    deadline_clear(&wheel, &deadline);
    deadline_set(&wheel, &deadline, 10);
    deadline_clear(&wheel, &deadline);
    deadline_clear(&wheel, &deadline);
    assert_null(deadline_sweep(&wheel, 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_deadline_comes_once_and_in_time),
        cmocka_unit_test(test_a_deadline_that_is_set_inside_a_sweep_does_not_come_in_the_same_one),
        cmocka_unit_test(test_clearing_twice_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

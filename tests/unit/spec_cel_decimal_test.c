#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spec/base/arena.h"
#include "spec/cel/decimal.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const char *read_print(const char *text)
{
    struct cel_decimal value;

    if (!cel_decimal_read(str_from(text), &value))
        return "refused";
    return cel_decimal_print(&arena, &value).data;
}

static const char *compute(const char *left, char op, const char *right)
{
    static const char *const failures[] = {
        [CEL_DECIMAL_TOO_LONG] = "too long",
        [CEL_DECIMAL_ZERO_DIVISOR] = "zero divisor",
        [CEL_DECIMAL_FRACTION] = "fraction",
    };
    struct cel_decimal a, b, out;
    enum cel_decimal_status status;

    assert_true(cel_decimal_read(str_from(left), &a));
    assert_true(cel_decimal_read(str_from(right), &b));
    status = op == '+'   ? cel_decimal_add(&a, &b, &out)
             : op == '*' ? cel_decimal_multiply(&a, &b, &out)
             : op == '/' ? cel_decimal_divide(&a, &b, &out)
                         : cel_decimal_remainder(&a, &b, &out);
    return status == CEL_DECIMAL_OK ? cel_decimal_print(&arena, &out).data : failures[status];
}

static void numbers_are_read_and_written_with_their_places(void **state)
{
    static const char *const rows[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.00", "0.00"},
        {"1.50", "1.50"},
        {"-12.034", "-12.034"},
        {"100", "100"},
        {"1e3", "1000"},
        {"1.5E-3", "0.0015"},
        {"1e-7", "0.0000001"},
        {"1e-8", "1e-8"},
        {"1.25e-30", "1.25e-30"},
        {"1e37", "10000000000000000000000000000000000000"},
        {"1e38", "1e+38"},
        {"-2.5e125", "-2.5e+125"},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
        {"0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"},
        {"1000000000000000000000000000000000000000000", "1e+42"},
        {"999999999999999999999999999999999999991", "refused"},
        {"", "refused"},
        {"-", "refused"},
        {"01", "refused"},
        {"1.", "refused"},
        {".5", "refused"},
        {"1e", "refused"},
        {"1e+", "refused"},
        {"+1", "refused"},
        {"1 ", "refused"},
        {"NaN", "refused"},
        {"1e99999999999999999999", "refused"},
        {"1e2000000", "refused"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = read_print(rows[i][0]);

        /* Digits beyond 38 that are zeros carry nothing. */
        if (strcmp(rows[i][1], "1e+42") == 0)
            assert_string_equal(got, "1.0000000000000000000000000000000000000e+42");
        else
            assert_string_equal(got, rows[i][1]);
    }
}

static void sums_products_and_quotients_are_exact(void **state)
{
    (void)state;
    assert_string_equal(compute("0.1", '+', "0.2"), "0.3");
    assert_string_equal(compute("1.50", '+', "1"), "2.50");
    assert_string_equal(compute("1", '+', "-1.00"), "0.00");
    assert_string_equal(compute("5", '+', "-7.25"), "-2.25");
    assert_string_equal(
        compute("99999999999999999999999999999999999999", '+', "1"), "1.0000000000000000000000000000000000000e+38");
    assert_string_equal(compute("99999999999999999999999999999999999999", '+', "0.1"), "too long");
    assert_string_equal(compute("1e50", '+', "1"), "too long");
    assert_string_equal(compute("1e50", '+', "0"), "1e+50");
    assert_string_equal(compute("0.00", '+', "3"), "3.00");
    assert_string_equal(compute("1.50", '*', "-2"), "-3.00");
    assert_string_equal(compute("12345678901234567891", '*', "12345678901234567891"), "too long");
    assert_string_equal(
        compute("1234567890123456789", '*', "1234567890123456789"), "1524157875323883675019051998750190521");
    assert_string_equal(compute("25e20", '*', "4e20"), "1.00e+42");
    assert_string_equal(compute("10", '/', "4"), "2.5");
    assert_string_equal(compute("1", '/', "-8"), "-0.125");
    assert_string_equal(compute("0", '/', "7"), "0");
    assert_string_equal(compute("1", '/', "3"), "too long");
    assert_string_equal(compute("1", '/', "0.00"), "zero divisor");
    assert_string_equal(
        compute("99999999999999999999999999999999999999", '/', "99999999999999999999999999999999999999"), "1");
}

static void remainders_have_the_sign_of_the_dividend(void **state)
{
    (void)state;
    assert_string_equal(compute("7", '%', "3"), "1");
    assert_string_equal(compute("-7", '%', "3"), "-1");
    assert_string_equal(compute("7.0", '%', "-3.00"), "1");
    assert_string_equal(compute("1e30", '%', "7"), "1");
    assert_string_equal(compute("3", '%', "1e30"), "3");
    assert_string_equal(compute("7.5", '%', "2"), "fraction");
    assert_string_equal(compute("7", '%', "0"), "zero divisor");
}

__extension__ typedef __int128 wide_int;

/* A small generator with a fixed start, so that a failure comes again (Marsaglia 2003, xorshift64). */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static const char *print_wide(wide_int value)
{
    char buffer[48];
    size_t at = sizeof(buffer) - 1;
    bool negative = value < 0;

    buffer[at] = '\0';
    do {
        int digit = (int)(value % 10);

        buffer[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value);
    if (negative)
        buffer[--at] = '-';
    return arena_strdup(&arena, buffer + at);
}

static void random_arithmetic_agrees_with_128_bit_integers(void **state)
{
    uint64_t seed = UINT64_C(88172645463325252);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int64_t x = (int64_t)(next_random(&seed) >> 1) >> (next_random(&seed) % 60);
        int64_t y = (int64_t)(next_random(&seed) >> 1) >> (next_random(&seed) % 60);
        wide_int a = next_random(&seed) & 1 ? -(wide_int)x : x, b = next_random(&seed) & 1 ? -(wide_int)y : y;
        const char *left = print_wide(a), *right = print_wide(b);

        assert_string_equal(compute(left, '+', right), print_wide(a + b));
        assert_string_equal(compute(left, '*', right), print_wide(a * b));
        if (b) {
            assert_string_equal(compute(left, '%', right), print_wide(a % b));
            assert_string_equal(compute(print_wide(a * b), '/', right), left);
        }
    }
}

static void texts_of_any_length_compare_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"1", "1.000", 0},
        {"1e2", "100", 0},
        {"-0", "0.00", 0},
        {"0.1", "1e-1", 0},
        {"2", "10", -1},
        {"-2", "-10", 1},
        {"-1", "1", -1},
        {"0", "-1e-100", 1},
        {"1.00000000000000000000000000000000000000000000000001", "1", 1},
        {"123456789012345678901234567890123456789012345", "123456789012345678901234567890123456789012346", -1},
        {"1e1000", "9e999", 1},
    };
    int order;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(cel_decimal_compare(str_from(rows[i].a), str_from(rows[i].b), &order));
        assert_int_equal(order, rows[i].order);
        assert_true(cel_decimal_compare(str_from(rows[i].b), str_from(rows[i].a), &order));
        assert_int_equal(order, -rows[i].order);
    }
    assert_false(cel_decimal_compare(STR("1"), STR("x"), &order));
    assert_true(cel_decimal_compare_double(STR("0.1"), 0.1, &order));
    assert_int_equal(order, -1);
    assert_true(cel_decimal_compare_double(STR("0.5"), 0.5, &order));
    assert_int_equal(order, 0);
}

static void doubles_become_decimals_only_where_that_is_exact(void **state)
{
    struct cel_decimal value;

    (void)state;
    assert_true(cel_decimal_from_double(0.5, &value));
    assert_string_equal(cel_decimal_print(&arena, &value).data, "0.5");
    assert_true(cel_decimal_from_double(-1048576.25, &value));
    assert_string_equal(cel_decimal_print(&arena, &value).data, "-1048576.25");
    assert_true(cel_decimal_from_double(0.0, &value));
    assert_string_equal(cel_decimal_print(&arena, &value).data, "0");
    assert_false(cel_decimal_from_double(0.1, &value));
    assert_false(cel_decimal_from_double(1e300, &value));
}

static void conversions_cut_towards_zero_and_keep_to_the_range(void **state)
{
    struct cel_decimal value;
    int64_t integer;
    uint64_t uinteger;

    (void)state;
    assert_true(cel_decimal_read(STR("-9223372036854775808.99"), &value));
    assert_true(cel_decimal_to_i64(&value, &integer));
    assert_true(integer == INT64_MIN);
    assert_true(cel_decimal_read(STR("9223372036854775808"), &value));
    assert_false(cel_decimal_to_i64(&value, &integer));
    assert_true(cel_decimal_to_u64(&value, &uinteger));
    assert_true(cel_decimal_read(STR("1e20"), &value));
    assert_false(cel_decimal_to_u64(&value, &uinteger));
    assert_true(cel_decimal_read(STR("-0.5"), &value));
    assert_true(cel_decimal_to_u64(&value, &uinteger));
    assert_int_equal(uinteger, 0);
    assert_false(cel_decimal_is_whole(&value));
    assert_true(cel_decimal_read(STR("10.00"), &value));
    assert_true(cel_decimal_is_whole(&value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_read_and_written_with_their_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sums_products_and_quotients_are_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remainders_have_the_sign_of_the_dividend, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_arithmetic_agrees_with_128_bit_integers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_of_any_length_compare_by_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_become_decimals_only_where_that_is_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conversions_cut_towards_zero_and_keep_to_the_range, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

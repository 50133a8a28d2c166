/* Secrets go, however they are spelt; everything else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "executor/redact.h"

static void a_secret_goes_in_every_spelling(void **state)
{
    static const char secret[] = "\"p/w";
    static const char *const cases[][2] = {
        {"a \"p/w b", "a **** b"},
        {"%22p%2Fw", "********"},
        {"\\\"p\\/w", "******"},
        {"\"p/w\"p/w", "********"},
        {"\"\"p/w", "\"****"},
        {"%22p%2fx %", "%22p%2fx %"},
        {"\\", "\\"},
        {"\"p/", "\"p/"},
        {"", ""},
    };
    char text[64];

    (void)state;
    redact_register(secret, strlen(secret));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "%s", cases[i][0]);
        redact_text(text);
        assert_string_equal(text, cases[i][1]);
    }
    redact_forget_all();
}

static void what_is_forgotten_is_no_secret(void **state)
{
    char text[] = "hunter22 \\";

    (void)state;
    redact_register("hunter22", 8);
    redact_forget_all();
    redact_text(text);
    assert_string_equal(text, "hunter22 \\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_goes_in_every_spelling),
        cmocka_unit_test(what_is_forgotten_is_no_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "compiler/value.h"

#include <string.h>

#include "spec/duration.h"

static const int64_t duration_max_ms = INT64_C(3650) * 24 * 60 * 60 * 1000;

bool value_to_ms(struct str text, int64_t *out_ms)
{
    return duration_parse(text, out_ms) && *out_ms <= duration_max_ms;
}

bool value_is_date(struct str text)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t year, month, day;
    bool leap;

    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-' ||
        !str_to_u64((struct str){text.data, 4}, &year) || !str_to_u64((struct str){text.data + 5, 2}, &month) ||
        !str_to_u64((struct str){text.data + 8, 2}, &day) || month < 1 || month > 12 || day < 1)
        return false;
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool value_is_id(struct str text)
{
    if (text.len == 0 || text.len > VALUE_ID_MAX_BYTES || !is_letter_or_digit(text.data[0]))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter_or_digit(text.data[i]) && text.data[i] != '-' && text.data[i] != '_' && text.data[i] != '.')
            return false;
    return true;
}

bool value_is_name(struct str text)
{
    if (text.len == 0 || text.len > VALUE_NAME_MAX_BYTES || text.data[0] == ' ' || text.data[text.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F)
            return false;
    return true;
}

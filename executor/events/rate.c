#include "executor/events/rate.h"

#include "spec/base/json.h"

bool rate_read_limit(const struct json *value, double *out)
{
    int64_t number;

    *out = 0;
    if (!value || value->type == JSON_NULL)
        return true;
    if (!json_to_i64(value, &number) || number < 1)
        return false;
    *out = (double)number;
    return true;
}

void rate_init(struct rate *rate, double limit, int64_t now_ms)
{
    *rate = (struct rate){.limit = limit, .balance = limit, .filled_ms = now_ms};
}

int64_t rate_wait_ms(struct rate *rate, int64_t now_ms)
{
    if (rate->limit <= 0)
        return 0;
    rate->balance += rate->limit * (double)(now_ms - rate->filled_ms) / 1000;
    if (rate->balance > rate->limit)
        rate->balance = rate->limit;
    rate->filled_ms = now_ms;
    return rate->balance > 0 ? 0 : (int64_t)(-rate->balance * 1000 / rate->limit) + 1;
}

void rate_charge(struct rate *rate, double units)
{
    rate->balance -= units;
    rate->consumed += units;
}

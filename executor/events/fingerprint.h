/*
 * A digest of an item that is the same however the service spells it: numbers by value (1.50 and 1.5), members of maps and
 * sets in any order.
 */
#ifndef EXECUTOR_EVENTS_FINGERPRINT_H
#define EXECUTOR_EVENTS_FINGERPRINT_H

#include "spec/base/digest.h"
#include "spec/event/value.h"

struct digest fingerprint_item(const struct event_value *item);

#endif

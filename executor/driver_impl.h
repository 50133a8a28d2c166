/*
 * What every driver's own struct begins with: `struct postgres_driver { struct driver base; … }`. Callers reach the
 * operations through it: driver->ops->apply(driver, …).
 */
#ifndef EXECUTOR_DRIVER_IMPL_H
#define EXECUTOR_DRIVER_IMPL_H

#include "executor/driver.h"

struct driver {
    const struct driver_ops *ops;
    const struct plan *plan;
    const struct plan_target *target;
    const struct driver_env *env;
    struct arena *arena; /* lives as long as the driver */
};

#endif

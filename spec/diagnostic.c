#include "spec/diagnostic.h"

#include <strings.h>

const struct diag_code diag_codes[DIAG_ID_COUNT] = {
#define DIAG_ROW(code, severity, title, explain)                                                                       \
    [DIAG_ID_##code] = {#code, DIAG_SEVERITY_##severity, title, explain},
#include "spec/diagnostic.def"
#undef DIAG_ROW
};

const struct diag_code *diag_code_find(struct str name)
{
    for (size_t i = 0; i < DIAG_ID_COUNT; i++)
        if (str_from(diag_codes[i].name).len == name.len && strncasecmp(diag_codes[i].name, name.data, name.len) == 0)
            return &diag_codes[i];
    return NULL;
}

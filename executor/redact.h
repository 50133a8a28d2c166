/*
 * Secrets known to this process, and their removal from text that leaves it. Every message, log line and report passes
 * redact_text(). Passwords, tokens and secret keys are registered as soon as they are known.
 */
#ifndef EXECUTOR_REDACT_H
#define EXECUTOR_REDACT_H

#include <stddef.h>

/* Remembers a secret of at least 4 bytes (shorter ones would blank ordinary text) until redact_forget_all(). Copies. */
void redact_register(const char *secret, size_t len);
/* Replaces each registered secret in the NUL-terminated buffer with asterisks of the same length; also where it is
 * percent-encoded as in a URL, or escaped as in a JSON string. */
void redact_text(char *text);
void redact_forget_all(void); /* wipes */

#endif

#include "spec/cel/lexer.h"

void cel_lexer_init(struct cel_lexer *lexer, const char *text, size_t len)
{
    *lexer = (struct cel_lexer){.text = text, .len = len, .cursor = (const unsigned char *)text};
}

static struct cel_token token_make(struct cel_lexer *lexer, const unsigned char *start, enum cel_token_kind kind)
{
    const unsigned char *text = (const unsigned char *)lexer->text;

    return (struct cel_token){
        .kind = kind,
        .start = (uint32_t)(start - text),
        .end = (uint32_t)(lexer->cursor - text),
        .text = {(const char *)start, (size_t)(lexer->cursor - start)},
    };
}

static struct cel_token token_error(struct cel_lexer *lexer, const unsigned char *start, const char *reason,
    const char *help)
{
    struct cel_token token = token_make(lexer, start, CEL_TOKEN_ERROR);

    token.reason = reason;
    token.help = help;
    return token;
}

static struct cel_token token_quoted_name(struct cel_lexer *lexer, const unsigned char *start)
{
    struct cel_token token = token_make(lexer, start, CEL_TOKEN_QUOTED_NAME);

    token.text.data++;
    token.text.len -= 2;
    return token;
}

struct cel_token cel_lexer_next(struct cel_lexer *lexer)
{
    const unsigned char *limit = (const unsigned char *)lexer->text + lexer->len;
    const unsigned char *start, *marker;

again:
    start = lexer->cursor;
    /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "lexer->cursor";
        re2c:define:YYMARKER = "marker";
        re2c:define:YYLIMIT = "limit";
        re2c:yyfill:enable = 0;
        re2c:eof = 0;

        digit = [0-9];
        exponent = [eE] [+-]? digit+;
        double = digit+ "." digit+ exponent? | digit+ exponent | "." digit+ exponent?;
        integer = digit+ | "0x" [0-9a-fA-F]+;
        name = [_a-zA-Z] [_a-zA-Z0-9]*;

        escape = "\\" [^\n\r];
        escape_long = "\\" [^];
        single = ['] ([^'\\\n\r] | escape)* ['];
        double_quoted = ["] ([^"\\\n\r] | escape)* ["];
        triple_single = "'''" ([']{0,2} ([^'\\] | escape_long))* "'''";
        triple_double = ["]{3} (["]{0,2} ([^"\\] | escape_long))* ["]{3};
        raw_single = ['] [^'\n\r]* ['];
        raw_double = ["] [^"\n\r]* ["];
        raw_triple_single = "'''" ([']{0,2} [^'])* "'''";
        raw_triple_double = ["]{3} (["]{0,2} [^"])* ["]{3};
        cooked = single | double_quoted | triple_single | triple_double;
        raw = raw_single | raw_double | raw_triple_single | raw_triple_double;

        [ \t\r\n\f]+           { goto again; }
        "//" [^\n]*        { goto again; }

        "true"                 { return token_make(lexer, start, CEL_TOKEN_TRUE); }
        "false"                { return token_make(lexer, start, CEL_TOKEN_FALSE); }
        "null"                 { return token_make(lexer, start, CEL_TOKEN_NULL); }
        "in"                   { return token_make(lexer, start, CEL_TOKEN_IN); }
        name                   { return token_make(lexer, start, CEL_TOKEN_NAME); }
        [`] [a-zA-Z0-9_.\-/ ]+ [`] { return token_quoted_name(lexer, start); }
        [`]                    {
            return token_error(lexer, start, "a quoted name is not closed or holds a character that it must not hold",
                "names in back quotes hold letters, digits, '_', '.', '-', '/' and blanks; use [\"name\"] for others");
        }

        integer                { return token_make(lexer, start, CEL_TOKEN_INT); }
        integer [uU]           { return token_make(lexer, start, CEL_TOKEN_UINT); }
        double                 { return token_make(lexer, start, CEL_TOKEN_DOUBLE); }

        [bB]? cooked           { return token_make(lexer, start, CEL_TOKEN_STRING); }
        [bB]? [rR] raw         { return token_make(lexer, start, CEL_TOKEN_STRING); }
        [bB]? [rR]? ("'''" | ["]{3}) {
            return token_error(lexer, start, "a string in triple quotes is not closed",
                "close it with the same three quotes");
        }
        [bB]? [rR]? ['"]       {
            return token_error(lexer, start, "a string is not closed on its line",
                "close it with the same quote; write a line feed as \\n or use triple quotes");
        }

        "=="                   { return token_make(lexer, start, CEL_TOKEN_EQUAL); }
        "!="                   { return token_make(lexer, start, CEL_TOKEN_NOT_EQUAL); }
        "<"                    { return token_make(lexer, start, CEL_TOKEN_LESS); }
        "<="                   { return token_make(lexer, start, CEL_TOKEN_LESS_EQUAL); }
        ">"                    { return token_make(lexer, start, CEL_TOKEN_GREATER); }
        ">="                   { return token_make(lexer, start, CEL_TOKEN_GREATER_EQUAL); }
        "&&"                   { return token_make(lexer, start, CEL_TOKEN_AND); }
        "||"                   { return token_make(lexer, start, CEL_TOKEN_OR); }
        "+"                    { return token_make(lexer, start, CEL_TOKEN_PLUS); }
        "-"                    { return token_make(lexer, start, CEL_TOKEN_MINUS); }
        "*"                    { return token_make(lexer, start, CEL_TOKEN_STAR); }
        "/"                    { return token_make(lexer, start, CEL_TOKEN_SLASH); }
        "%"                    { return token_make(lexer, start, CEL_TOKEN_PERCENT); }
        "!"                    { return token_make(lexer, start, CEL_TOKEN_NOT); }
        "?"                    { return token_make(lexer, start, CEL_TOKEN_QUESTION); }
        ":"                    { return token_make(lexer, start, CEL_TOKEN_COLON); }
        "."                    { return token_make(lexer, start, CEL_TOKEN_DOT); }
        ","                    { return token_make(lexer, start, CEL_TOKEN_COMMA); }
        "("                    { return token_make(lexer, start, CEL_TOKEN_PAREN_OPEN); }
        ")"                    { return token_make(lexer, start, CEL_TOKEN_PAREN_CLOSE); }
        "["                    { return token_make(lexer, start, CEL_TOKEN_BRACKET_OPEN); }
        "]"                    { return token_make(lexer, start, CEL_TOKEN_BRACKET_CLOSE); }
        "{"                    { return token_make(lexer, start, CEL_TOKEN_BRACE_OPEN); }
        "}"                    { return token_make(lexer, start, CEL_TOKEN_BRACE_CLOSE); }

        "="                    { return token_error(lexer, start, "'=' is not an operator", "compare with '=='"); }
        "&"                    { return token_error(lexer, start, "'&' is not an operator", "use '&&'"); }
        "|"                    { return token_error(lexer, start, "'|' is not an operator", "use '||'"); }
        $                      { return token_make(lexer, start, CEL_TOKEN_END); }
        *                      { return token_error(lexer, start, "unexpected character", ""); }
    */
}

#include "common/delta/delta_path.h"

static int hex_value(char c);
static bool is_absolute_uri(cs_str path);
static bool stays_below(cs_str name);
static void add_escaped_byte(cs_buf *out, unsigned char c);

cs_code cs_delta_path_decode(cs_str path, cs_arena *arena, cs_str *name, cs_error *err)
{
    if (is_absolute_uri(path))
        return cs_error_set(err, CS_E_UNSUPPORTED, "data file %.*s has an absolute path, which cstream cannot read",
                            CS_STR_ARG(path));
    char *out = cs_arena_alloc(arena, path.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%') {
            int high = i + 2 < path.len ? hex_value(path.ptr[i + 1]) : -1;
            int low = i + 2 < path.len ? hex_value(path.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return cs_error_set(err, CS_E_DAMAGED_LOG, "path %.*s has a bad %% escape at byte %zu",
                                    CS_STR_ARG(path), i + 1);
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[len++] = c;
    }
    cs_str decoded = { out, len };
    if (!stays_below(decoded))
        return cs_error_set(err, CS_E_DAMAGED_LOG, "path %.*s does not name a file below the table",
                            CS_STR_ARG(path));
    *name = decoded;
    return CS_OK;
}

void cs_delta_path_encode(cs_str name, cs_buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c == 0x7f || strchr("%\"#<>?[\\]^`{|}", c))
            add_escaped_byte(out, c);
        else
            cs_buf_add_char(out, (char)c);
    }
}

static void add_hive(cs_str text, cs_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c))
            add_escaped_byte(out, c);
        else
            cs_buf_add_char(out, (char)c);
    }
}

void cs_delta_partition_folder(cs_str column, cs_str value, cs_buf *out)
{
    add_hive(column, out);
    cs_buf_add_char(out, '=');
    if (value.len == 0)
        cs_buf_add_cstr(out, "__HIVE_DEFAULT_PARTITION__");
    else
        add_hive(value, out);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* RFC 3986: scheme = letter, then letters, digits, + - . up to the colon. A path of one column with a colon
 * in its name (`a:b=1/x.parquet`) is written `a%3Ab`, so a bare colon before any slash is a scheme. */
static bool is_absolute_uri(cs_str path)
{
    if (path.len > 0 && path.ptr[0] == '/')
        return true;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == ':')
            return i > 0;
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return false;
}

/* What a store takes as a name: no empty, `.` or `..` piece. No NUL either: no file system has it. */
static bool stays_below(cs_str name)
{
    if (name.len == 0 || memchr(name.ptr, '\0', name.len))
        return false;
    for (size_t begin = 0; begin <= name.len;) {
        const char *slash = memchr(name.ptr + begin, '/', name.len - begin);
        size_t end = slash ? (size_t)(slash - name.ptr) : name.len;
        cs_str piece = { name.ptr + begin, end - begin };
        if (piece.len == 0 || cs_str_eq(piece, CS_STR(".")) || cs_str_eq(piece, CS_STR("..")))
            return false;
        begin = end + 1;
    }
    return true;
}

static void add_escaped_byte(cs_buf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    cs_buf_add_char(out, '%');
    cs_buf_add_char(out, digits[c >> 4]);
    cs_buf_add_char(out, digits[c & 15]);
}

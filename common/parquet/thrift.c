#include "common/parquet/thrift.h"

#include <assert.h>

static void put_field(cs_thrift_out *out, int16_t field, cs_thrift_type type);
static uint64_t zigzag(int64_t value);
static int64_t unzigzag(uint64_t value);
static bool take_byte(cs_thrift_in *in, uint8_t *byte);
static uint64_t take_varint(cs_thrift_in *in);
static void take_bytes(cs_thrift_in *in, uint64_t len, cs_str *bytes);
static void skip_container(cs_thrift_in *in, cs_thrift_type type);

/* --- writing --- */

void cs_thrift_begin(cs_thrift_out *out)
{
    assert(out->depth < CS_THRIFT_DEPTH_MAX);
    out->last[out->depth++] = 0;
}

void cs_thrift_end(cs_thrift_out *out)
{
    assert(out->depth > 0);
    out->depth--;
    cs_buf_add_char(out->buf, CS_THRIFT_STOP);
}

void cs_thrift_bool(cs_thrift_out *out, int16_t field, bool value)
{
    put_field(out, field, value ? CS_THRIFT_TRUE : CS_THRIFT_FALSE);
}

void cs_thrift_i8(cs_thrift_out *out, int16_t field, int8_t value)
{
    put_field(out, field, CS_THRIFT_I8);
    cs_buf_add_char(out->buf, (char)value);
}

void cs_thrift_i32(cs_thrift_out *out, int16_t field, int32_t value)
{
    put_field(out, field, CS_THRIFT_I32);
    cs_buf_add_varint(out->buf, zigzag(value));
}

void cs_thrift_i64(cs_thrift_out *out, int16_t field, int64_t value)
{
    put_field(out, field, CS_THRIFT_I64);
    cs_buf_add_varint(out->buf, zigzag(value));
}

void cs_thrift_binary(cs_thrift_out *out, int16_t field, cs_str value)
{
    put_field(out, field, CS_THRIFT_BINARY);
    cs_thrift_add_binary(out, value);
}

void cs_thrift_struct(cs_thrift_out *out, int16_t field)
{
    put_field(out, field, CS_THRIFT_STRUCT);
    cs_thrift_begin(out);
}

void cs_thrift_list(cs_thrift_out *out, int16_t field, cs_thrift_type element, size_t count)
{
    put_field(out, field, CS_THRIFT_LIST);
    if (count < 15) {
        cs_buf_add_char(out->buf, (char)(count << 4 | element));
    } else {
        cs_buf_add_char(out->buf, (char)(0xf0 | element));
        cs_buf_add_varint(out->buf, count);
    }
}

void cs_thrift_add_i32(cs_thrift_out *out, int32_t value)
{
    cs_buf_add_varint(out->buf, zigzag(value));
}

void cs_thrift_add_binary(cs_thrift_out *out, cs_str value)
{
    cs_buf_add_varint(out->buf, value.len);
    cs_buf_add_str(out->buf, value);
}

/* --- reading --- */

bool cs_thrift_field(cs_thrift_in *in, int16_t *last, cs_thrift_type *type)
{
    uint8_t byte;
    if (!take_byte(in, &byte) || byte == CS_THRIFT_STOP)
        return false;
    *type = (cs_thrift_type)(byte & 0x0f);
    int64_t field = byte >> 4 ? *last + (byte >> 4) : unzigzag(take_varint(in));
    if (field < INT16_MIN || field > INT16_MAX || *type == CS_THRIFT_STOP || *type > CS_THRIFT_UUID)
        in->bad = true;
    *last = (int16_t)field;
    return !in->bad;
}

void cs_thrift_enter(cs_thrift_in *in)
{
    if (++in->depth > CS_THRIFT_DEPTH_MAX)
        in->bad = true;
}

void cs_thrift_leave(cs_thrift_in *in)
{
    in->depth--;
}

void cs_thrift_skip(cs_thrift_in *in, cs_thrift_type type)
{
    cs_str bytes;
    switch (type) {
    case CS_THRIFT_TRUE:
    case CS_THRIFT_FALSE:
        return;
    case CS_THRIFT_I8:
        take_bytes(in, 1, &bytes);
        return;
    case CS_THRIFT_I16:
    case CS_THRIFT_I32:
    case CS_THRIFT_I64:
        (void)take_varint(in); /* only its length matters */
        return;
    case CS_THRIFT_DOUBLE:
        take_bytes(in, 8, &bytes);
        return;
    case CS_THRIFT_UUID:
        take_bytes(in, 16, &bytes);
        return;
    case CS_THRIFT_BINARY:
        take_bytes(in, take_varint(in), &bytes);
        return;
    case CS_THRIFT_LIST:
    case CS_THRIFT_SET:
    case CS_THRIFT_MAP:
    case CS_THRIFT_STRUCT:
        cs_thrift_enter(in);
        if (!in->bad)
            skip_container(in, type);
        cs_thrift_leave(in);
        return;
    case CS_THRIFT_STOP:
        break;
    }
    in->bad = true;
}

bool cs_thrift_get_bool(cs_thrift_in *in, cs_thrift_type type)
{
    if (type != CS_THRIFT_TRUE && type != CS_THRIFT_FALSE)
        in->bad = true;
    return type == CS_THRIFT_TRUE;
}

int32_t cs_thrift_get_i32(cs_thrift_in *in, cs_thrift_type type)
{
    int64_t value = cs_thrift_get_i64(in, type);
    if (value < INT32_MIN || value > INT32_MAX) {
        in->bad = true;
        return 0;
    }
    return (int32_t)value;
}

int64_t cs_thrift_get_i64(cs_thrift_in *in, cs_thrift_type type)
{
    uint8_t byte;
    switch (type) {
    case CS_THRIFT_I8:
        return take_byte(in, &byte) ? (int8_t)byte : 0;
    case CS_THRIFT_I16:
    case CS_THRIFT_I32:
    case CS_THRIFT_I64:
        return unzigzag(take_varint(in));
    default:
        in->bad = true;
        return 0;
    }
}

cs_str cs_thrift_get_binary(cs_thrift_in *in, cs_thrift_type type)
{
    cs_str bytes = { 0 };
    if (type != CS_THRIFT_BINARY)
        in->bad = true;
    else
        take_bytes(in, take_varint(in), &bytes);
    return bytes;
}

size_t cs_thrift_get_list(cs_thrift_in *in, cs_thrift_type type, cs_thrift_type *element)
{
    uint8_t byte = 0;
    if (type != CS_THRIFT_LIST && type != CS_THRIFT_SET)
        in->bad = true;
    else
        (void)take_byte(in, &byte); /* sets bad, asked below */
    *element = (cs_thrift_type)(byte & 0x0f);
    uint64_t count = byte >> 4;
    if (count == 15)
        count = take_varint(in);
    if (in->bad || count > (size_t)(in->cursor.end - in->cursor.at)) {
        in->bad = true;
        return 0;
    }
    return (size_t)count;
}

static void put_field(cs_thrift_out *out, int16_t field, cs_thrift_type type)
{
    int16_t *last = &out->last[out->depth - 1];
    assert(out->depth > 0 && field > *last);
    if (field - *last <= 15) {
        cs_buf_add_char(out->buf, (char)((field - *last) << 4 | (int)type));
    } else {
        cs_buf_add_char(out->buf, (char)type);
        cs_buf_add_varint(out->buf, zigzag(field));
    }
    *last = field;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static bool take_byte(cs_thrift_in *in, uint8_t *byte)
{
    if (in->bad || in->cursor.at == in->cursor.end) {
        in->bad = true;
        return false;
    }
    *byte = *in->cursor.at++;
    return true;
}

static uint64_t take_varint(cs_thrift_in *in)
{
    uint64_t value = 0;
    if (in->bad || !cs_cursor_varint(&in->cursor, &value))
        in->bad = true;
    return value;
}

static void take_bytes(cs_thrift_in *in, uint64_t len, cs_str *bytes)
{
    if (in->bad || len > (size_t)(in->cursor.end - in->cursor.at)) {
        in->bad = true;
        return;
    }
    *bytes = (cs_str){ (const char *)in->cursor.at, (size_t)len };
    in->cursor.at += len;
}

/* A boolean takes a byte of its own inside a container, none as a field. */
static void skip_element(cs_thrift_in *in, cs_thrift_type type)
{
    uint8_t byte;
    if (type == CS_THRIFT_TRUE || type == CS_THRIFT_FALSE)
        (void)take_byte(in, &byte); /* sets bad */
    else
        cs_thrift_skip(in, type);
}

static void skip_container(cs_thrift_in *in, cs_thrift_type type)
{
    if (type == CS_THRIFT_STRUCT) {
        int16_t last = 0;
        cs_thrift_type field;
        while (cs_thrift_field(in, &last, &field))
            cs_thrift_skip(in, field);
        return;
    }
    if (type == CS_THRIFT_MAP) {
        uint64_t count = take_varint(in);
        uint8_t types = 0;
        if (count > 0)
            (void)take_byte(in, &types); /* sets bad */
        for (uint64_t i = 0; i < count && !in->bad; i++) {
            skip_element(in, (cs_thrift_type)(types >> 4));
            skip_element(in, (cs_thrift_type)(types & 0x0f));
        }
        return;
    }
    cs_thrift_type element;
    size_t count = cs_thrift_get_list(in, type, &element);
    for (size_t i = 0; i < count && !in->bad; i++)
        skip_element(in, element);
}

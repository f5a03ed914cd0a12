/* One strict pass over the JSON of Kubernetes objects: what wire.py's `_delta` finds in each, and its bytes. Many are taken
   out of a watch's lines or a list's items at once; and, as these come in HTTP's chunks, they are taken out of those here.

   It reads what anybody may send, so:

   - Whatever is out of the common form is not decided here: it is left where it stands, and Python reads it again and
     says what is wrong with it, if anything. What is returned is what Python would have found, byte for byte.
   - Nothing is read outside of [start, end). The last byte has to be a closing brace, which no number, literal, escape or
     run of spaces goes past; strings stop there, too. So what has to look for the end is only what comes behind a value
     that closes with a brace, as that may be the last byte.
   - Nothing recurs, and nothing is allocated but what is returned: how values are nested is one bit per level.
   - It is compiled once for all of them from 3.11 on, perhaps with the headers of a later one, in which None is never let go
     of: Py_RETURN_NONE would then lose a reference in 3.11. Py_NewRef does not.
   - There is no state, as what is remembered is the caller's; the interpreter is entered between two objects only. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#define SSE2
#include <emmintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#endif

#if defined(_MSC_VER)
#define ALWAYS_INLINE __forceinline
#define NEVER_INLINE __declspec(noinline)
#elif defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))
#else
#define ALWAYS_INLINE inline
#define NEVER_INLINE
#endif

typedef const unsigned char *place; /* in the object; NULL: not in the common form */

typedef struct {
    place at;
    Py_ssize_t length; /* bytes */
} span;

/* How far the object has been looked at, ahead of whoever reads it. */
typedef struct {
    place last; /* the closing brace */
    int not_ascii; /* whether that is in any of its strings */
    int newline;   /* whether one is in any of the space between its tokens: then it is no line */
#if defined(SSE2)
    place block;    /* of 64 bytes */
    uint64_t stops; /* a bit for each of them that is not plain */
#endif
} cursor;

#define MOST_LABELS 64
#define LONGEST_KEY 512 /* bytes; Kubernetes's are shorter */

typedef struct {
    span name, namespace_, uid, version, managed; /* at == NULL: not there */
    place managed_key;                            /* its opening quote */
    span all_labels; /* from brace to brace */
    Py_ssize_t count; /* of labels */
    span labels[MOST_LABELS][2];
} metadata;

typedef struct {
    place start, end;
    span kind, api_version;
    place metadata_key; /* its opening quote; NULL: not there */
    metadata meta;
} object;

/* Plain is what just goes on in a string: no quote, backslash or control character, and ASCII. */

#if defined(SSE2)
static inline int
first_bit(uint64_t bits)
{
#if defined(_MSC_VER)
    unsigned long index;
    _BitScanForward64(&index, bits);
    return (int)index;
#else
    return __builtin_ctzll(bits);
#endif
}

static inline uint64_t
stops_of_16(place p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i stops = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
        _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))); /* signed: what is not ASCII is less, too */
    return (uint64_t)(unsigned)_mm_movemask_epi8(stops);
}

static inline uint64_t
stops_of_64(place p)
{
    return stops_of_16(p) | stops_of_16(p + 16) << 16 | stops_of_16(p + 32) << 32 | stops_of_16(p + 48) << 48;
}

/* Look at the block that begins here. The last byte is not plain, nor is what is behind it. */
static ALWAYS_INLINE void
look_at(cursor *ahead, place block)
{
    ahead->block = block;
    if (ahead->last - block >= 64)
        ahead->stops = stops_of_64(block);
    else {
        unsigned char rest[64] = {0};
        if (ahead->last > block)
            memcpy(rest, block, (size_t)(ahead->last - block));
        ahead->stops = stops_of_64(rest);
    }
}

/* The first byte that is not plain; the last byte if there is none. Blocks are looked at one after the other, whatever strings
   they hold, so that the processor need not wait for the end of one string to look for the end of the next. */
static ALWAYS_INLINE place
skip_plain(place p, cursor *ahead)
{
    uint64_t stops;
    while (p - ahead->block >= 64)
        look_at(ahead, ahead->block + 64);
    stops = ahead->stops >> (p - ahead->block);
    while (stops == 0) {
        p = ahead->block + 64;
        look_at(ahead, p);
        stops = ahead->stops;
    }
    return p + first_bit(stops);
}

static ALWAYS_INLINE void
begin(cursor *ahead, place start, place end)
{
    ahead->last = end - 1;
    ahead->not_ascii = ahead->newline = 0;
    look_at(ahead, start);
}
#else
static inline int
is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Whether eight bytes at once are all plain. */
static inline int
are_plain(place p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t bytes, quotes, backslashes;
    memcpy(&bytes, p, sizeof(bytes));
    quotes = bytes ^ (ones * '"');
    backslashes = bytes ^ (ones * '\\');
    return !((bytes | (bytes - ones * 0x20) | (quotes - ones) | (backslashes - ones)) & tops);
}

/* The first byte that is not plain; the last byte if there is none. */
static ALWAYS_INLINE place
skip_plain(place p, cursor *ahead)
{
    while (ahead->last - p >= 8 && are_plain(p))
        p += 8;
    while (p < ahead->last && is_plain(*p))
        p++;
    return p;
}

static ALWAYS_INLINE void
begin(cursor *ahead, place start, place end)
{
    (void)start;
    ahead->last = end - 1;
    ahead->not_ascii = ahead->newline = 0;
}
#endif

static inline int
is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* From a backslash to behind the escape. */
static ALWAYS_INLINE place
skip_escape(place p)
{
    switch (p[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return p + 2;
    case 'u':
        if (!is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4]) || !is_hex(p[5]))
            return NULL;
        if ((p[2] == 'd' || p[2] == 'D') && p[3] > '7')
            return NULL; /* a surrogate: whether it is one of a pair is not decided here */
        return p + 6;
    default:
        return NULL;
    }
}

/* From behind the opening quote to behind the closing one. */
static ALWAYS_INLINE place
skip_string(place p, cursor *ahead)
{
    for (;;) {
        p = skip_plain(p, ahead);
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            if (p[1] == '"')
                p += 2;
            else if ((p = skip_escape(p)) == NULL)
                return NULL;
        }
        else if (*p >= 0x80) { /* UTF-8, or not: that is looked at later */
            ahead->not_ascii = 1;
            while (*p >= 0x80)
                p++;
        }
        else
            return NULL;
    }
}

static NEVER_INLINE place
skip_spaces(place p, cursor *ahead)
{
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') {
        ahead->newline |= *p == '\n';
        p++;
    }
    return p;
}

/* To the next token; what servers write has no space before it. */
static ALWAYS_INLINE place
skip_space(place p, cursor *ahead)
{
    return *p > ' ' ? p : skip_spaces(p, ahead);
}

static inline int
is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static ALWAYS_INLINE place
skip_digits(place p)
{
    if (!is_digit(*p))
        return NULL;
    while (is_digit(*p))
        p++;
    return p;
}

static place
skip_number(place p)
{
    if (*p == '-')
        p++;
    if (*p == '0')
        p++;
    else if ((p = skip_digits(p)) == NULL)
        return NULL;
    if (*p == '.' && (p = skip_digits(p + 1)) == NULL)
        return NULL;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        p = skip_digits(p);
    }
    return p;
}

/* From the opening quote of a name to the value behind its colon. */
static ALWAYS_INLINE place
skip_name(place p, cursor *ahead)
{
    if (*p != '"' || (p = skip_string(p + 1, ahead)) == NULL)
        return NULL;
    p = skip_space(p, ahead);
    return *p == ':' ? skip_space(p + 1, ahead) : NULL;
}

/* What is neither an object, nor an array, nor a string. */
static ALWAYS_INLINE place
skip_scalar(place p)
{
    switch (*p) {
    case 't':
        return p[1] == 'r' && p[2] == 'u' && p[3] == 'e' ? p + 4 : NULL;
    case 'f':
        return p[1] == 'a' && p[2] == 'l' && p[3] == 's' && p[4] == 'e' ? p + 5 : NULL;
    case 'n':
        return p[1] == 'u' && p[2] == 'l' && p[3] == 'l' ? p + 4 : NULL;
    default:
        return skip_number(p);
    }
}

/* From the brace or bracket of an object or array to behind the one that closes it; that may be `end`. */
static place
skip_nested(place p, cursor *shared)
{
    cursor own = *shared, *ahead = &own; /* for the registers */
    uint64_t nesting = 1; /* a bit for each level, 1 in an object and 0 in an array, below the first that is set */
    if (*p == '[')
        goto array;
object:
    if (nesting >> 63)
        return NULL;
    nesting = nesting << 1 | 1;
    p = skip_space(p + 1, ahead);
    if (*p == '}')
        goto close;
member:
    if ((p = skip_name(p, ahead)) == NULL)
        return NULL;
    if (*p == '"')
        p = skip_string(p + 1, ahead);
    else if (*p == '{')
        goto object;
    else if (*p == '[')
        goto array;
    else
        p = skip_scalar(p);
    if (p == NULL)
        return NULL;
behind_member:
    p = skip_space(p, ahead);
    if (*p == ',') {
        p = skip_space(p + 1, ahead);
        goto member;
    }
    if (*p != '}')
        return NULL;
close:
    p++;
    nesting >>= 1;
    if (nesting == 1) {
        *shared = own;
        return p;
    }
    if (p > own.last)
        return NULL;
    if (nesting & 1)
        goto behind_member;
    goto behind_element;
array:
    if (nesting >> 63)
        return NULL;
    nesting = nesting << 1;
    p = skip_space(p + 1, ahead);
    if (*p == ']')
        goto close;
element:
    if (*p == '{')
        goto object;
    if (*p == '[')
        goto array;
    p = *p == '"' ? skip_string(p + 1, ahead) : skip_scalar(p);
    if (p == NULL)
        return NULL;
behind_element:
    p = skip_space(p, ahead);
    if (*p == ',') {
        p = skip_space(p + 1, ahead);
        goto element;
    }
    if (*p != ']')
        return NULL;
    goto close;
}

/* From the first byte of a value to behind its last; that may be `end`. */
static place
skip_value(place p, cursor *ahead)
{
    if (*p == '{' || *p == '[')
        return skip_nested(p, ahead);
    return *p == '"' ? skip_string(p + 1, ahead) : skip_scalar(p);
}

/* A string that is what it looks like. */
static place
read_text(place p, cursor *ahead, span *text)
{
    place start = p + 1;
    if (text->at != NULL || *p != '"')
        return NULL; /* it is there twice, or no text */
    p = skip_plain(start, ahead);
    if (*p++ != '"')
        return NULL; /* it has no end, or an escape in it, or what is not ASCII */
    text->at = start;
    text->length = p - 1 - start;
    return p;
}

static inline int
is(span name, const char *field, size_t length)
{
    return (size_t)name.length == length && memcmp(name.at, field, length) == 0;
}
#define IS(name, field) is((name), field, sizeof(field) - 1)

/* The next name of an object, which is what it looks like, from behind the opening brace or a comma to the value. */
static ALWAYS_INLINE place
read_name(place p, cursor *ahead, span *name)
{
    name->at = NULL;
    p = read_text(skip_space(p, ahead), ahead, name);
    if (p == NULL)
        return NULL;
    p = skip_space(p, ahead);
    return *p == ':' ? skip_space(p + 1, ahead) : NULL;
}

/* From behind a value to behind the comma or brace that follows; whether it was the brace. */
static ALWAYS_INLINE place
read_separator(place p, cursor *ahead, int *last)
{
    if (p == NULL || p > ahead->last)
        return NULL;
    p = skip_space(p, ahead);
    *last = *p == '}';
    return *last || *p == ',' ? p + 1 : NULL;
}

static place
read_labels(place p, cursor *ahead, metadata *meta)
{
    int last = 0;
    if (meta->all_labels.at != NULL || *p != '{')
        return NULL;
    meta->all_labels.at = p;
    p = skip_space(p + 1, ahead);
    if (*p == '}')
        return p + 1;
    while (!last) {
        span *label;
        if (meta->count == MOST_LABELS)
            return NULL;
        label = meta->labels[meta->count++];
        label[1].at = NULL;
        if ((p = read_name(p, ahead, &label[0])) == NULL || (p = read_text(p, ahead, &label[1])) == NULL)
            return NULL;
        if ((p = read_separator(p, ahead, &last)) == NULL)
            return NULL;
    }
    meta->all_labels.length = p - meta->all_labels.at;
    return p;
}

static place
read_metadata(place p, cursor *ahead, metadata *meta)
{
    int last = 0;
    if (*p++ != '{')
        return NULL;
    while (!last) {
        span name;
        place value = read_name(p, ahead, &name);
        if (value == NULL)
            return NULL;
        if (IS(name, "name"))
            p = read_text(value, ahead, &meta->name);
        else if (IS(name, "namespace"))
            p = read_text(value, ahead, &meta->namespace_);
        else if (IS(name, "uid"))
            p = read_text(value, ahead, &meta->uid);
        else if (IS(name, "resourceVersion"))
            p = read_text(value, ahead, &meta->version);
        else if (IS(name, "labels"))
            p = read_labels(value, ahead, meta);
        else if (IS(name, "managedFields")) {
            if (meta->managed.at != NULL || (p = skip_value(value, ahead)) == NULL)
                return NULL;
            meta->managed_key = name.at - 1;
            meta->managed.at = value;
            meta->managed.length = p - value;
        }
        else
            p = skip_value(value, ahead);
        if ((p = read_separator(p, ahead, &last)) == NULL)
            return NULL;
    }
    return p;
}

/* The whole of it, from its brace on: whether it is in the common form, and then where it ends. */
static int
read_object(object *found, cursor *ahead)
{
    place p = found->start + 1;
    int last = 0;
    while (!last) {
        span name;
        place value = read_name(p, ahead, &name);
        if (value == NULL)
            return 0;
        if (IS(name, "metadata")) {
            if (found->metadata_key != NULL)
                return 0;
            found->metadata_key = name.at - 1;
            p = read_metadata(value, ahead, &found->meta);
        }
        else if (IS(name, "kind"))
            p = read_text(value, ahead, &found->kind);
        else if (IS(name, "apiVersion"))
            p = read_text(value, ahead, &found->api_version);
        else
            p = skip_value(value, ahead);
        if ((p = read_separator(p, ahead, &last)) == NULL)
            return 0;
    }
    found->end = p;
    return found->meta.name.at != NULL && !IS(found->kind, "Table") &&
           found->meta.name.length + found->meta.namespace_.length < LONGEST_KEY &&
           memchr(found->meta.name.at, '/', (size_t)found->meta.name.length) == NULL &&
           (found->meta.namespace_.length == 0 ||
            memchr(found->meta.namespace_.at, '/', (size_t)found->meta.namespace_.length) == NULL);
}

#define METADATA "\"metadata\":{"
#define MANAGED_FIELDS "\"managedFields\":"
#define NEAR 512 /* as in managed_fields.py */

/* Whether managedFields stand where managed_fields.py cuts them out of the bytes as they are. */
static int
can_cut(const object *found)
{
    const size_t length = sizeof(MANAGED_FIELDS) - 1;
    place field = found->meta.managed_key, first = found->metadata_key, p;
    if (first[-1] != ',' && first != found->start + 1)
        return 0;
    if (first - found->start + (Py_ssize_t)sizeof(METADATA) - 1 > NEAR ||
        memcmp(first, METADATA, sizeof(METADATA) - 1) != 0 ||
        memchr(found->start + 1, '{', (size_t)(first - found->start - 1)) != NULL)
        return 0;
    if ((field[-1] != ',' && field[-1] != '{') || *found->meta.managed.at != '[' ||
        found->meta.managed.at != field + length)
        return 0;
    for (p = first; (p = memchr(p, 'F', (size_t)(field - p))) != NULL; p++) /* nothing before is called so */
        if (memcmp(p - 8, MANAGED_FIELDS, length) == 0)
            return 0;
    return 1;
}

/* The JSON of an object, in the parts of which it is put together. */
typedef struct {
    span parts[3];
} body;

/* It begins with `head` if it has no kind, and is without managedFields if they are to be `cut`. */
static body
body_of(const object *found, const Py_buffer *head, int cut)
{
    place from = found->start, until = found->end, after = found->end;
    body json = {{{(place)head->buf, 0}}};
    if (found->kind.length == 0) {
        json.parts[0].length = head->len;
        from++;
    }
    if (cut) {
        until = found->meta.managed_key;
        after = found->meta.managed.at + found->meta.managed.length;
        if (until[-1] == ',')
            until--;
        else if (*after == ',')
            after++;
    }
    json.parts[1].at = from;
    json.parts[1].length = until - from;
    json.parts[2].at = after;
    json.parts[2].length = found->end - after;
    return json;
}

static Py_ssize_t
length_of(const body *json)
{
    return json->parts[0].length + json->parts[1].length + json->parts[2].length;
}

static char *
put_in(char *to, span part)
{
    if (part.length)
        memcpy(to, part.at, (size_t)part.length);
    return to + part.length;
}

/* How long a uid or version is, as dense.py has it. */
static char *
put_length(char *to, Py_ssize_t length)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (char)(length >> shift & 0xff);
    return to;
}

#define BEFORE_TEXTS 9 /* bytes: a zero, and the lengths of uid and version; as in dense.py */

/* Its bytes. `dense`: in dense.py's form, behind a zero, the lengths of its uid and version, and these. */
static PyObject *
bytes_of(const body *json, const metadata *meta, int dense)
{
    const Py_ssize_t before = dense ? BEFORE_TEXTS + meta->uid.length + meta->version.length : 0;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, before + length_of(json));
    char *to = bytes == NULL ? NULL : PyBytes_AsString(bytes);
    if (to == NULL)
        return bytes;
    if (dense) {
        *to++ = 0;
        to = put_length(put_length(to, meta->uid.length), meta->version.length);
        to = put_in(put_in(to, meta->uid), meta->version);
    }
    for (int i = 0; i < 3; i++)
        to = put_in(to, json->parts[i]);
    return bytes;
}

static PyObject *
text_of(span text)
{
    return PyUnicode_FromStringAndSize(text.length ? (const char *)text.at : "", text.length);
}

static PyObject *
key_of(const metadata *meta)
{
    char key[LONGEST_KEY];
    span name = meta->name, namespace_ = meta->namespace_;
    if (namespace_.length == 0)
        return text_of(name);
    memcpy(key, namespace_.at, (size_t)namespace_.length);
    key[namespace_.length] = '/';
    memcpy(key + namespace_.length + 1, name.at, (size_t)name.length);
    return PyUnicode_FromStringAndSize(key, namespace_.length + 1 + name.length);
}

/* What is remembered from one object to the next, both dicts; NULL: nothing is. */
typedef struct {
    PyObject *sets;    /* of labels, by their bytes */
    PyObject *strings; /* names and values in them, by themselves */
} memory;

#define LONGEST_LABELS 1024 /* bytes of what is remembered */
#define MOST_SETS 512       /* of labels that are */
#define MOST_STRINGS 512    /* in them that are */

static int
remember(PyObject *dict, Py_ssize_t most, PyObject *key, PyObject *value)
{
    if (PyDict_Size(dict) >= most)
        PyDict_Clear(dict);
    return PyDict_SetItem(dict, key, value);
}

/* A name or value; the same string as before, if it has not been forgotten. */
static PyObject *
label_of(span text, PyObject *strings)
{
    PyObject *found = text_of(text), *known;
    if (found == NULL || strings == NULL)
        return found;
    known = PyDict_GetItemWithError(strings, found);
    if (known != NULL) {
        Py_INCREF(known);
        Py_DECREF(found);
        return known;
    }
    if (PyErr_Occurred() || remember(strings, MOST_STRINGS, found, found) < 0)
        Py_CLEAR(found);
    return found;
}

static PyObject *
new_labels(const metadata *meta, PyObject *strings)
{
    PyObject *found = PyDict_New();
    for (Py_ssize_t i = 0; found != NULL && i < meta->count; i++) {
        PyObject *name = label_of(meta->labels[i][0], strings), *value = label_of(meta->labels[i][1], strings);
        if (name == NULL || value == NULL || PyDict_SetItem(found, name, value) < 0)
            Py_CLEAR(found);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return found;
}

/* The labels; the same dict as before for the same bytes, if those have not been forgotten. */
static PyObject *
labels_of(const metadata *meta, memory known)
{
    PyObject *key, *found;
    if (known.sets == NULL || meta->count == 0 || meta->all_labels.length > LONGEST_LABELS)
        return new_labels(meta, NULL);
    key = PyBytes_FromStringAndSize((const char *)meta->all_labels.at, meta->all_labels.length);
    if (key == NULL)
        return NULL;
    found = PyDict_GetItemWithError(known.sets, key);
    if (found != NULL)
        Py_INCREF(found);
    else if (!PyErr_Occurred()) {
        found = new_labels(meta, known.strings);
        if (found != NULL && remember(known.sets, MOST_SETS, key, found) < 0)
            Py_CLEAR(found);
    }
    Py_DECREF(key);
    return found;
}

/* Whether the last bytes of these, so many, are UTF-8: 1; 0: not; -1: an exception is set. */
static int
is_text(PyObject *bytes, Py_ssize_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8(PyBytes_AsString(bytes) + PyBytes_Size(bytes) - length, length, "strict");
    if (text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(text);
    return 1;
}

#define ENOUGH (256 * 1024) /* bytes after which no further object is begun: a tenth of a millisecond's worth; dense ones are smaller */

/* What whoever calls wants of each object. */
typedef struct {
    Py_buffer head; /* how one without a kind is to begin */
    int keep;       /* whether managedFields are kept */
    memory known;
    PyObject *record, *delta; /* what is made of each; NULL: tuples */
    PyObject *dense;          /* what is made in place of records; NULL: nothing is */
} wishes;

/* A dense record. */
static PyObject *
dense_of(const metadata *meta, PyObject *blob, const wishes *wanted)
{
    PyObject *result = NULL, *key = key_of(meta), *labels = labels_of(meta, wanted->known);
    if (key != NULL && labels != NULL)
        result = PyObject_CallFunctionObjArgs(wanted->dense, key, labels, blob, NULL);
    Py_XDECREF(key);
    Py_XDECREF(labels);
    return result;
}

/* A record, or a tuple of what makes one. */
static PyObject *
record_of(const metadata *meta, PyObject *raw, const wishes *wanted)
{
    PyObject *result = NULL, *key = key_of(meta), *uid = text_of(meta->uid), *version = text_of(meta->version),
             *labels = labels_of(meta, wanted->known);
    if (key != NULL && uid != NULL && version != NULL && labels != NULL)
        result = wanted->record == NULL
                     ? PyTuple_Pack(5, key, uid, version, labels, raw)
                     : PyObject_CallFunctionObjArgs(wanted->record, key, uid, version, labels, raw, NULL);
    Py_XDECREF(key);
    Py_XDECREF(uid);
    Py_XDECREF(version);
    Py_XDECREF(labels);
    return result;
}

/* Begin to look at the object whose brace is at `start`; nothing behind `last` is looked at. */
static ALWAYS_INLINE void
open_object(object *found, cursor *ahead, place start, place last)
{
    memset(found, 0, offsetof(object, meta) + offsetof(metadata, labels));
    found->start = start;
    begin(ahead, start, last + 1);
}

/* What is wanted of an object that has been read; None: that is not decided here. */
static PyObject *
taken(const object *found, const cursor *ahead, const wishes *wanted)
{
    const int cut = found->meta.managed.at != NULL && !wanted->keep;
    int text = 1, dense;
    body json;
    PyObject *bytes, *result = NULL;
    if (cut && !can_cut(found))
        return Py_NewRef(Py_None);
    json = body_of(found, &wanted->head, cut);
    dense = wanted->dense != NULL && length_of(&json) < ENOUGH;
    bytes = bytes_of(&json, &found->meta, dense);
    if (bytes == NULL)
        return NULL;
    if (ahead->not_ascii)
        text = is_text(bytes, length_of(&json));
    if (text > 0)
        result = dense ? dense_of(&found->meta, bytes, wanted) : record_of(&found->meta, bytes, wanted);
    else if (text == 0)
        result = Py_NewRef(Py_None);
    Py_DECREF(bytes);
    return result;
}

static PyObject *
scanned(place start, place end, const wishes *wanted)
{
    object found;
    cursor ahead;
    if (end - start < 2 || *start != '{' || end[-1] != '}')
        return Py_NewRef(Py_None);
    open_object(&found, &ahead, start, end - 1);
    if (!read_object(&found, &ahead) || found.end != end)
        return Py_NewRef(Py_None);
    return taken(&found, &ahead, wanted);
}

/* A buffer and two places in it, which are the first three arguments; False, with an exception set, if they are not. */
static int
read_places(PyObject *const *arguments, Py_buffer *buffer, Py_ssize_t *start, Py_ssize_t *end)
{
    *start = PyLong_AsSsize_t(arguments[1]);
    if (*start == -1 && PyErr_Occurred())
        return 0;
    *end = PyLong_AsSsize_t(arguments[2]);
    if (*end == -1 && PyErr_Occurred())
        return 0;
    return PyObject_GetBuffer(arguments[0], buffer, PyBUF_SIMPLE) == 0;
}

static int
are_inside(const Py_buffer *buffer, Py_ssize_t start, Py_ssize_t end)
{
    return 0 <= start && start <= end && end <= buffer->len;
}

/* Whether it is a pair of dicts. */
static int
read_memory(PyObject *pair, memory *known)
{
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2)
        return 0;
    known->sets = PyTuple_GetItem(pair, 0);
    known->strings = PyTuple_GetItem(pair, 1);
    return PyDict_Check(known->sets) && PyDict_Check(known->strings);
}

PyDoc_STRVAR(scan_doc,
"scan(buffer, start, end, head, keep_managed_fields, memory=None, /)\n--\n\n"
"Key, uid, resource version, labels and bytes of the object between two places; None if Python has to look at it.");

static PyObject *
scan(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t start, end;
    Py_buffer buffer;
    PyObject *result;
    wishes wanted = {0};
    if (count < 5 || count > 6 || (count == 6 && !read_memory(arguments[5], &wanted.known))) {
        PyErr_SetString(PyExc_TypeError, "scan takes five arguments, and two dicts if labels are to be remembered");
        return NULL;
    }
    if ((wanted.keep = PyObject_IsTrue(arguments[4])) < 0 || !read_places(arguments, &buffer, &start, &end))
        return NULL;
    if (PyObject_GetBuffer(arguments[3], &wanted.head, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&buffer);
        return NULL;
    }
    if (are_inside(&buffer, start, end))
        result = scanned((place)buffer.buf + start, (place)buffer.buf + end, &wanted);
    else
        result = Py_NewRef(Py_None);
    PyBuffer_Release(&wanted.head);
    PyBuffer_Release(&buffer);
    return result;
}

/* How Kubernetes begins a line; nothing follows the object but the closing brace. */
#define FORM(type) "{\"type\":\"" type "\",\"object\":"
static const struct {
    const char *form;
    Py_ssize_t length; /* bytes */
    int deleted;
} forms[] = {
    {FORM("MODIFIED"), sizeof(FORM("MODIFIED")) - 1, 0},
    {FORM("ADDED"), sizeof(FORM("ADDED")) - 1, 0},
    {FORM("DELETED"), sizeof(FORM("DELETED")) - 1, 1},
};

static PyObject *
delta_of(int deleted, PyObject *record, const wishes *wanted)
{
    PyObject *delta;
    if (record == NULL || record == Py_None)
        return record;
    delta = PyObject_CallFunctionObjArgs(wanted->delta, deleted ? Py_True : Py_False, record, NULL);
    Py_DECREF(record);
    return delta;
}

/* Put it into the list, if it is anything; whether it was. */
static int
append(PyObject *list, PyObject *delta)
{
    int appended = delta != NULL && delta != Py_None && PyList_Append(list, delta) == 0;
    Py_XDECREF(delta);
    return appended;
}

#define FAR (64 * 1024) /* bytes: looking for it again and again is not to cost much */

/* The last closing brace, which is as far as objects are looked at; `start` if there is none, or if it is far from the end. */
static place
last_brace(place start, place end)
{
    place p = end, least = end - start > FAR ? end - FAR : start;
    while (p > least)
        if (*--p == '}')
            return p;
    return start;
}

static place
skip_empty_lines(place p, place end)
{
    while (p < end && (*p == '\n' || (*p == '\r' && end - p > 1 && p[1] == '\n')))
        p++;
    return p;
}

/* The object in a line, and whether that says that it was deleted; whether it is all in the common form. */
static int
read_line(object *found, cursor *ahead, int *deleted, place start, place last, place end)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (last - start <= forms[i].length || memcmp(start, forms[i].form, (size_t)forms[i].length) != 0)
            continue;
        *deleted = forms[i].deleted;
        open_object(found, ahead, start + forms[i].length, last);
        return *found->start == '{' && read_object(found, ahead) && !ahead->newline && found->end < end && *found->end == '}' &&
               (found->end + 1 == end || found->end[1] == '\n');
    }
    return 0;
}

/* Into the list, up to so many lines, between which are newlines; where the first begins that is not in there. */
static place
scan_some_lines(place start, place end, Py_ssize_t count, const wishes *wanted, PyObject *list)
{
    place p = skip_empty_lines(start, end), last = last_brace(start, end);
    while (count-- > 0 && p < last && p - start < ENOUGH) {
        object found;
        cursor ahead;
        int deleted = 0;
        if (!read_line(&found, &ahead, &deleted, p, last, end) ||
            !append(list, delta_of(deleted, taken(&found, &ahead, wanted), wanted)))
            break;
        p = found.end + 1 == end ? end : skip_empty_lines(found.end + 2, end);
    }
    return p;
}

/* Into the list, up to so many of the items that another one follows; where the first begins that is not in there. */
static place
scan_some_items(place start, place end, Py_ssize_t count, const wishes *wanted, PyObject *list)
{
    place p = start, last = last_brace(start, end);
    while (count-- > 0 && p < last && *p == '{' && p - start < ENOUGH) {
        object found;
        cursor ahead;
        open_object(&found, &ahead, p, last);
        if (!read_object(&found, &ahead) || end - found.end < 2 || found.end[0] != ',' || found.end[1] != '{')
            break;
        if (!append(list, delta_of(0, taken(&found, &ahead, wanted), wanted)))
            break;
        p = found.end + 1;
    }
    return p;
}

typedef place (*scanner)(place start, place end, Py_ssize_t count, const wishes *wanted, PyObject *list);

/* What both of the following do with their arguments. */
static PyObject *
scan_some(scanner scan_them, PyObject *const *arguments, Py_ssize_t given)
{
    Py_ssize_t start, end, count;
    Py_buffer buffer;
    PyObject *list, *result = NULL;
    wishes wanted = {0};
    if (given != 10 || !read_memory(arguments[6], &wanted.known)) {
        PyErr_SetString(PyExc_TypeError, "ten arguments are taken, of which the seventh is two dicts");
        return NULL;
    }
    wanted.delta = arguments[7];
    wanted.record = arguments[8];
    wanted.dense = arguments[9] == Py_None ? NULL : arguments[9];
    count = PyLong_AsSsize_t(arguments[3]);
    if ((count == -1 && PyErr_Occurred()) || (wanted.keep = PyObject_IsTrue(arguments[5])) < 0 ||
        !read_places(arguments, &buffer, &start, &end))
        return NULL;
    if (PyObject_GetBuffer(arguments[4], &wanted.head, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&buffer);
        return NULL;
    }
    list = PyList_New(0);
    if (list != NULL && are_inside(&buffer, start, end)) {
        place first = (place)buffer.buf;
        start = scan_them(first + start, first + end, count, &wanted, list) - first;
    }
    if (list != NULL && !PyErr_Occurred())
        result = Py_BuildValue("On", list, start);
    Py_XDECREF(list);
    PyBuffer_Release(&wanted.head);
    PyBuffer_Release(&buffer);
    return result;
}

PyDoc_STRVAR(scan_lines_doc,
"scan_lines(buffer, start, end, count, head, keep_managed_fields, memory, delta, record, dense, /)\n--\n\n"
"What up to so many lines of a watch between two places say: delta(deleted, record(...)) of each, and where the next one\n"
"begins, which Python has to look at if it was not left out for its number or size. Newlines are between lines.\n"
"If dense is not None, dense(key, labels, blob) takes the place of record(...) but for large objects.");

static PyObject *
scan_lines(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    return scan_some(scan_some_lines, arguments, count);
}

PyDoc_STRVAR(scan_items_doc,
"scan_items(buffer, start, end, count, head, keep_managed_fields, memory, delta, record, dense, /)\n--\n\n"
"The same for items of a list between which are commas. The last one there is left out: it may go on, or the list end.");

static PyObject *
scan_items(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    return scan_some(scan_some_items, arguments, count);
}

/* A size between two chunks, as `\r\n1c\r\n`: 0 if it is not all there, written otherwise, or no size of data. */
#define MOST_DIGITS 7 /* a quarter of a gibibyte; what is longer Python reads */
static size_t
size_of_chunk(place *at, place end)
{
    place p = *at;
    size_t size = 0;
    if (end - p < 5 || p[0] != '\r' || p[1] != '\n')
        return 0;
    p += 2;
    for (place first = p; p < end && p - first < MOST_DIGITS && is_hex(*p); p++)
        size = size << 4 | (size_t)(is_digit(*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
    if (size == 0 || end - p < 2 || p[0] != '\r' || p[1] != '\n')
        return 0;
    *at = p + 2;
    return size;
}

/* The parts that are data, into `to` if it is not NULL; how many bytes. */
static size_t
join_parts(place *at, place end, size_t *left, char *to)
{
    size_t length = 0;
    while (*left > 0 && *at < end) {
        size_t there = (size_t)(end - *at), part = *left < there ? *left : there;
        if (to != NULL)
            memcpy(to + length, *at, part);
        length += part;
        *at += part;
        *left -= part;
        if (*left == 0)
            *left = size_of_chunk(at, end);
    }
    return length;
}

PyDoc_STRVAR(join_chunks_doc,
"join_chunks(buffer, start, left, /)\n--\n\n"
"The data in a buffer from a place on, of which so many bytes belong to the chunk there; where that ends; and how many bytes\n"
"are left of a chunk that goes on behind the buffer. If it ends before, Python has to look at what stands there.");

static PyObject *
join_chunks(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t start, left;
    Py_buffer buffer;
    PyObject *body, *result = NULL;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "join_chunks takes three arguments");
        return NULL;
    }
    if (!read_places(arguments, &buffer, &start, &left))
        return NULL;
    if (left < 0 || !are_inside(&buffer, start, buffer.len))
        PyErr_SetString(PyExc_ValueError, "that is no place in the buffer, or a negative number of bytes");
    else {
        place at = (place)buffer.buf + start, end = (place)buffer.buf + buffer.len, again = at;
        size_t behind = (size_t)left, rest = behind;
        body = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)join_parts(&again, end, &behind, NULL));
        if (body != NULL) {
            join_parts(&at, end, &rest, PyBytes_AsString(body));
            result = Py_BuildValue("Nnn", body, (Py_ssize_t)(at - (place)buffer.buf), (Py_ssize_t)rest);
        }
    }
    PyBuffer_Release(&buffer);
    return result;
}

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, name##_doc}
static PyMethodDef methods[] = {
    METHOD(scan), METHOD(scan_lines), METHOD(scan_items), METHOD(join_chunks), {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "aioinformer._speedups", "What wire.py and chunked.py do, done once over the bytes.", 0, methods,
    slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&definition);
}

/* One strict pass over the JSON of a Kubernetes object: what wire.py's `_delta` finds in it, and its bytes.

   It reads what anybody may send, so:

   - Whatever is out of the common form is not decided here: `scan` returns None, and Python reads the object again and
     says what is wrong with it, if anything. What is returned is what Python would have found, byte for byte.
   - Nothing is read outside of [start, end). The last byte has to be a closing brace, which no number, literal, escape or
     run of spaces goes past; strings stop there, too. So what has to look for the end is only what comes behind a value
     that closes with a brace, as that may be the last byte.
   - Nothing recurs, and nothing is allocated but what is returned: how values are nested is one bit per level.
   - There is no state, as what is remembered is the caller's; the interpreter is not entered while bytes are read. */

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
#elif defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
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
#if defined(SSE2)
    place block;    /* of 64 bytes */
    uint64_t stops; /* a bit for each of them that is not plain */
#endif
} cursor;

#define MOST_LABELS 64

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
    ahead->not_ascii = 0;
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
    ahead->not_ascii = 0;
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

static ALWAYS_INLINE place
skip_space(place p)
{
    while (*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
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
    p = skip_space(p);
    return *p == ':' ? skip_space(p + 1) : NULL;
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
    p = skip_space(p + 1);
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
    p = skip_space(p);
    if (*p == ',') {
        p = skip_space(p + 1);
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
    p = skip_space(p + 1);
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
    p = skip_space(p);
    if (*p == ',') {
        p = skip_space(p + 1);
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
    p = read_text(skip_space(p), ahead, name);
    if (p == NULL)
        return NULL;
    p = skip_space(p);
    return *p == ':' ? skip_space(p + 1) : NULL;
}

/* From behind a value to behind the comma or brace that follows; whether it was the brace. */
static ALWAYS_INLINE place
read_separator(place p, const cursor *ahead, int *last)
{
    if (p == NULL || p > ahead->last)
        return NULL;
    p = skip_space(p);
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
    p = skip_space(p + 1);
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

/* The whole of it, which has its braces; whether it is in the common form. */
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
    return p == found->end && found->meta.name.at != NULL && !IS(found->kind, "Table") &&
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

/* The object's bytes, beginning with `head` if it has no kind, and without managedFields if they are to be `cut`. */
static PyObject *
bytes_of(const object *found, const Py_buffer *head, int cut)
{
    place from = found->start, until = found->end, after = found->end;
    Py_ssize_t before = 0;
    PyObject *raw;
    char *to;
    if (found->kind.length == 0) {
        before = head->len;
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
    raw = PyBytes_FromStringAndSize(NULL, before + (until - from) + (found->end - after));
    if (raw == NULL || (to = PyBytes_AsString(raw)) == NULL)
        return raw;
    if (before)
        memcpy(to, head->buf, (size_t)before);
    memcpy(to + before, from, (size_t)(until - from));
    memcpy(to + before + (until - from), after, (size_t)(found->end - after));
    return raw;
}

static PyObject *
text_of(span text)
{
    return PyUnicode_FromStringAndSize(text.length ? (const char *)text.at : "", text.length);
}

#define LONGEST_KEY 512 /* bytes; Kubernetes's are shorter */

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

static PyObject *
new_labels(const metadata *meta)
{
    PyObject *found = PyDict_New();
    for (Py_ssize_t i = 0; found != NULL && i < meta->count; i++) {
        PyObject *name = text_of(meta->labels[i][0]), *value = text_of(meta->labels[i][1]);
        if (name == NULL || value == NULL || PyDict_SetItem(found, name, value) < 0)
            Py_CLEAR(found);
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return found;
}

#define LONGEST_LABELS 1024 /* bytes of what is remembered */
#define MOST_SETS 512       /* of labels that are */

/* The labels; the same dict as before for the same bytes, if those are in `memory`, a dict, and have not been forgotten. */
static PyObject *
labels_of(const metadata *meta, PyObject *memory)
{
    PyObject *key, *found;
    if (memory == NULL || meta->count == 0 || meta->all_labels.length > LONGEST_LABELS)
        return new_labels(meta);
    key = PyBytes_FromStringAndSize((const char *)meta->all_labels.at, meta->all_labels.length);
    if (key == NULL)
        return NULL;
    found = PyDict_GetItemWithError(memory, key);
    if (found != NULL)
        Py_INCREF(found);
    else if (!PyErr_Occurred()) {
        found = new_labels(meta);
        if (found != NULL) {
            if (PyDict_Size(memory) >= MOST_SETS)
                PyDict_Clear(memory);
            if (PyDict_SetItem(memory, key, found) < 0)
                Py_CLEAR(found);
        }
    }
    Py_DECREF(key);
    return found;
}

/* 1: UTF-8; 0: not; -1: an exception is set. */
static int
is_text(PyObject *raw)
{
    PyObject *text = PyUnicode_DecodeUTF8(PyBytes_AsString(raw), PyBytes_Size(raw), "strict");
    if (text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return -1;
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(text);
    return 1;
}

static PyObject *
result_of(const object *found, PyObject *raw, PyObject *memory)
{
    PyObject *result = PyTuple_New(5), *parts[5];
    int complete = result != NULL;
    parts[0] = key_of(&found->meta);
    parts[1] = text_of(found->meta.uid);
    parts[2] = text_of(found->meta.version);
    parts[3] = labels_of(&found->meta, memory);
    parts[4] = Py_NewRef(raw);
    for (int i = 0; i < 5; i++)
        complete = complete && parts[i] != NULL;
    for (int i = 0; i < 5; i++) {
        if (complete)
            PyTuple_SetItem(result, i, parts[i]);
        else
            Py_XDECREF(parts[i]);
    }
    if (!complete)
        Py_CLEAR(result);
    return result;
}

static PyObject *
scanned(place start, place end, const Py_buffer *head, int keep, PyObject *memory)
{
    object found;
    cursor ahead;
    int cut, text = 1;
    PyObject *raw, *result = NULL;
    if (end - start < 2 || *start != '{' || end[-1] != '}')
        Py_RETURN_NONE;
    memset(&found, 0, offsetof(object, meta) + offsetof(metadata, labels));
    begin(&ahead, start, end);
    found.start = start;
    found.end = end;
    if (!read_object(&found, &ahead) || found.meta.name.length + found.meta.namespace_.length >= LONGEST_KEY)
        Py_RETURN_NONE;
    cut = found.meta.managed.at != NULL && !keep;
    if (cut && !can_cut(&found))
        Py_RETURN_NONE;
    raw = bytes_of(&found, head, cut);
    if (raw == NULL)
        return NULL;
    if (ahead.not_ascii)
        text = is_text(raw);
    if (text > 0)
        result = result_of(&found, raw, memory);
    else if (text == 0)
        result = Py_NewRef(Py_None);
    Py_DECREF(raw);
    return result;
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

PyDoc_STRVAR(scan_doc,
"scan(buffer, start, end, head, keep_managed_fields, memory=None, /)\n--\n\n"
"Key, uid, resource version, labels and bytes of the object between two places; None if Python has to look at it.");

static PyObject *
scan(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t start, end;
    Py_buffer buffer, head;
    PyObject *result;
    int keep;
    if (count < 5 || count > 6 || (count == 6 && !PyDict_Check(arguments[5]))) {
        PyErr_SetString(PyExc_TypeError, "scan takes five arguments, and a dict if labels are to be remembered");
        return NULL;
    }
    if ((keep = PyObject_IsTrue(arguments[4])) < 0 || !read_places(arguments, &buffer, &start, &end))
        return NULL;
    if (PyObject_GetBuffer(arguments[3], &head, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&buffer);
        return NULL;
    }
    if (are_inside(&buffer, start, end))
        result = scanned((place)buffer.buf + start, (place)buffer.buf + end, &head, keep,
                         count == 6 ? arguments[5] : NULL);
    else
        result = Py_NewRef(Py_None);
    PyBuffer_Release(&head);
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
scanned_line(place start, place end, int keep, PyObject *memory)
{
    const Py_buffer head = {.buf = "{", .len = 1};
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        PyObject *found, *result;
        if (end - start <= forms[i].length || memcmp(start, forms[i].form, (size_t)forms[i].length) != 0)
            continue;
        if (end[-1] != '}')
            break;
        found = scanned(start + forms[i].length, end - 1, &head, keep, memory);
        if (found == NULL || found == Py_None)
            return found;
        result = PyTuple_Pack(2, forms[i].deleted ? Py_True : Py_False, found);
        Py_DECREF(found);
        return result;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(scan_line_doc,
"scan_line(buffer, start, end, keep_managed_fields, memory=None, /)\n--\n\n"
"Whether the line between two places says that an object was deleted, and what scan finds in it; None as there.");

static PyObject *
scan_line(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t start, end;
    Py_buffer buffer;
    PyObject *result;
    int keep;
    if (count < 4 || count > 5 || (count == 5 && !PyDict_Check(arguments[4]))) {
        PyErr_SetString(PyExc_TypeError, "scan_line takes four arguments, and a dict if labels are to be remembered");
        return NULL;
    }
    if ((keep = PyObject_IsTrue(arguments[3])) < 0 || !read_places(arguments, &buffer, &start, &end))
        return NULL;
    if (are_inside(&buffer, start, end))
        result = scanned_line((place)buffer.buf + start, (place)buffer.buf + end, keep,
                              count == 5 ? arguments[4] : NULL);
    else
        result = Py_NewRef(Py_None);
    PyBuffer_Release(&buffer);
    return result;
}

static PyMethodDef methods[] = {
    {"scan", (PyCFunction)(void (*)(void))scan, METH_FASTCALL, scan_doc},
    {"scan_line", (PyCFunction)(void (*)(void))scan_line, METH_FASTCALL, scan_line_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "aioinformer._speedups", "What wire.py does, done once over the bytes.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&definition);
}

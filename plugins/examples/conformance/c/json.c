// As much of JSON as the commands need. The host checks what it hands over, so
// this only has to find its way, but never beyond the end.
#include "guest.h"

static int is_space(u8 c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

span trimmed(span v) {
  while (v.n > 0 && is_space(v.p[0])) v.p++, v.n--;
  while (v.n > 0 && is_space(v.p[v.n - 1])) v.n--;
  return v;
}

static int begins(span v, u8 c) {
  v = trimmed(v);
  return v.n > 0 && v.p[0] == c;
}

int is_object(span v) { return begins(v, '{'); }

int is_null(span v) { return v.n == 0 || begins(v, 'n'); }

// value_end returns how many bytes the value at the beginning has.
static u32 value_end(span s) {
  u32 depth = 0, i = 0;
  while (i < s.n) {
    u8 c = s.p[i];
    if (c == '"') {
      for (i++; i < s.n && s.p[i] != '"'; i++)
        if (s.p[i] == '\\') i++;
      i++;
      if (depth == 0) break;
      continue;
    }
    if (c == '[' || c == '{') {
      depth++;
    } else if (c == ']' || c == '}') {
      if (depth == 0) break; // of what is around
      if (--depth == 0) {
        i++;
        break;
      }
    } else if (depth == 0 && (c == ',' || c == ':' || is_space(c))) {
      break;
    }
    i++;
  }
  return i < s.n ? i : s.n;
}

static span from(span s, u32 at) { return at < s.n ? (span){s.p + at, s.n - at} : (span){s.p + s.n, 0}; }

// next takes a value off the rest of an array or object, behind the bracket, comma
// or colon before it; 0 at the end.
static int next(span *rest, span *value) {
  span s = trimmed(*rest);
  if (s.n == 0 || s.p[0] == ']' || s.p[0] == '}') return 0;
  s = trimmed(from(s, 1));
  u32 n = value_end(s);
  if (n == 0) return 0; // the bracket of an empty one
  *value = (span){s.p, n};
  *rest = from(s, n);
  return 1;
}

int next_item(span *rest, span *item) { return next(rest, item); }

int member(span object, span name, span *value) {
  span key, v, decoded;
  if (!is_object(object)) return 0;
  while (next(&object, &key) && next(&object, &v)) {
    if (text(key, &decoded) && equal(decoded, name)) {
      *value = v;
      return 1;
    }
  }
  return 0;
}

static u32 hex4(const u8 *p) {
  u32 v = 0;
  for (int i = 0; i < 4; i++) {
    u8 c = p[i];
    v = v << 4 | (u32)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return v;
}

static u8 *utf8(u8 *out, u32 c) {
  if (c < 0x80) {
    *out++ = c;
  } else if (c < 0x800) {
    *out++ = 0xC0 | c >> 6;
    *out++ = 0x80 | (c & 63);
  } else if (c < 0x10000) {
    *out++ = 0xE0 | c >> 12;
    *out++ = 0x80 | (c >> 6 & 63);
    *out++ = 0x80 | (c & 63);
  } else {
    *out++ = 0xF0 | c >> 18;
    *out++ = 0x80 | (c >> 12 & 63);
    *out++ = 0x80 | (c >> 6 & 63);
    *out++ = 0x80 | (c & 63);
  }
  return out;
}

// escaped decodes the \u at p, and the one behind it where they are one character;
// of half a pair it makes U+FFFD.
static const u8 *escaped(const u8 *p, const u8 *end, u32 *c) {
  *c = hex4(p + 2);
  p += 6;
  if (*c < 0xD800 || *c > 0xDFFF) return p;
  if (*c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    u32 low = hex4(p + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      *c = 0x10000 + ((*c - 0xD800) << 10) + (low - 0xDC00);
      return p + 6;
    }
  }
  *c = 0xFFFD;
  return p;
}

int text(span v, span *out) {
  v = trimmed(v);
  if (v.n < 2 || v.p[0] != '"') return 0;
  const u8 *p = v.p + 1, *end = v.p + v.n - 1;
  u8 *made = make(v.n), *to = made;
  while (p < end) {
    if (*p != '\\') {
      *to++ = *p++;
      continue;
    }
    u32 c;
    switch (p[1]) {
    case 'u':
      if (end - p < 6) return 0;
      p = escaped(p, end, &c);
      to = utf8(to, c);
      continue;
    case 'b': *to++ = '\b'; break;
    case 'f': *to++ = '\f'; break;
    case 'n': *to++ = '\n'; break;
    case 'r': *to++ = '\r'; break;
    case 't': *to++ = '\t'; break;
    default: *to++ = p[1];
    }
    p += 2;
  }
  *out = (span){made, (u32)(to - made)};
  return 1;
}

int integer(span v, i64 *out) {
  v = trimmed(v);
  int negative = v.n > 0 && v.p[0] == '-';
  u64 sum = 0, most = (1ull << 63) - !negative;
  if (v.n == (u32)negative) return 0;
  for (u32 i = negative; i < v.n; i++) {
    u32 digit = v.p[i] - '0';
    if (digit > 9 || sum > (most - digit) / 10) return 0;
    sum = sum * 10 + digit;
  }
  *out = (i64)(negative ? -sum : sum);
  return 1;
}

int list_of_text(span v, writer *list, u32 *count) {
  span item, decoded;
  *count = 0;
  if (!begins(v, '[')) return 0;
  while (next(&v, &item)) {
    if (!text(item, &decoded)) return 0;
    put_field(list, decoded);
    ++*count;
  }
  return 1;
}

void put_json_text(writer *w, span s) {
  static const char digits[] = "0123456789abcdef";
  put_byte(w, '"');
  for (u32 i = 0; i < s.n; i++) {
    u8 c = s.p[i];
    if (c == '"' || c == '\\') {
      put_byte(w, '\\');
      put_byte(w, c);
    } else if (c < ' ') {
      put_text(w, "\\u00");
      put_byte(w, digits[c >> 4]);
      put_byte(w, digits[c & 15]);
    } else {
      put_byte(w, c);
    }
  }
  put_byte(w, '"');
}

void put_decimal(writer *w, i64 v) {
  u8 digits[20];
  u32 n = 0;
  u64 rest = v < 0 ? -(u64)v : (u64)v;
  do digits[19 - n++] = '0' + rest % 10;
  while (rest /= 10);
  if (v < 0) put_byte(w, '-');
  put(w, digits + 20 - n, n);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void put_base64(writer *w, span b) {
  for (u32 i = 0; i < b.n; i += 3) {
    u32 left = b.n - i;
    u32 v = b.p[i] << 16 | (left > 1 ? b.p[i + 1] << 8 : 0) | (left > 2 ? b.p[i + 2] : 0);
    put_byte(w, alphabet[v >> 18]);
    put_byte(w, alphabet[v >> 12 & 63]);
    put_byte(w, left > 1 ? alphabet[v >> 6 & 63] : '=');
    put_byte(w, left > 2 ? alphabet[v & 63] : '=');
  }
}

static int digit_of(u8 c) {
  for (int i = 0; i < 64; i++)
    if (alphabet[i] == c) return i;
  return -1;
}

int from_base64(span s, span *out) {
  if (s.n % 4 != 0) return 0;
  u8 *made = make(s.n / 4 * 3), *to = made;
  for (u32 i = 0; i < s.n; i += 4) {
    int padding = 0, last = i + 4 == s.n;
    if (last && s.p[i + 3] == '=') padding = s.p[i + 2] == '=' ? 2 : 1;
    u32 v = 0;
    for (int k = 0; k < 4; k++) {
      int d = k >= 4 - padding ? 0 : digit_of(s.p[i + k]);
      if (d < 0) return 0;
      v = v << 6 | (u32)d;
    }
    *to++ = v >> 16;
    if (padding < 2) *to++ = v >> 8;
    if (padding < 1) *to++ = v;
  }
  *out = (span){made, (u32)(to - made)};
  return 1;
}

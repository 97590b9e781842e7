// The guards, by the place that main.c registers them at.
#include "guest.h"

static u64 denied(const char *why) {
  writer m = {0};
  put_text(&m, why);
  return deny(&m);
}

static u64 allowed(void) { return respond(CONTINUE, NONE); }

static u64 members(const request *r) {
  writer q = {0}, m = {0};
  put_field(&q, r->name);
  put_field(&q, r->connection);
  result answer = ask_named("rooms.has", &q);
  if (answer.failed) return pass_on(answer);
  span member = take_field(&answer.message);
  if (member.n == 1 && member.p[0]) return allowed();
  put_text(&m, "This is for members of the room ");
  put_span(&m, r->name);
  put_text(&m, ".");
  return deny(&m);
}

static int says_true(span object, const char *name) {
  span v;
  return member(object, text_of(name), &v) && equal(trimmed(v), TEXT("true"));
}

static u64 admins(const request *r) {
  writer m = {0};
  span access = r->detail;
  if (says_true(r->metadata, "admin")) return allowed();
  put_text(&m, "Only for administrators: ");
  put_span(&m, take_field(&access));
  put_text(&m, " ");
  put_span(&m, take_field(&access));
  put_text(&m, ".");
  return deny(&m);
}

static u64 owners(const request *r) {
  writer own = {0};
  put_text(&own, "own:");
  put_span(&own, r->user);
  if (r->user.n > 0 && equal(r->name, written(&own))) return allowed();
  return denied("This is not yours.");
}

// values and merges look at what is written.

static u64 values(const request *r) {
  writer m = {0};
  span access = r->detail, topic = take_field(&access), action = take_field(&access);
  if (equal(action, TEXT("write")) && says_true(r->payload, "ok")) return allowed();
  put_text(&m, "Not this: ");
  put_span(&m, topic);
  put_text(&m, " ");
  put_span(&m, action);
  put_text(&m, " ");
  put_span(&m, r->payload);
  put_text(&m, ".");
  return deny(&m);
}

static u64 merges(const request *r) {
  writer m = {0};
  span access = r->detail;
  take_field(&access);
  span action = take_field(&access), strategy = take_field(&access);
  if (is_object(r->payload) && (equal(strategy, TEXT("merge")) || equal(strategy, TEXT("deepMerge")))) return allowed();
  put_text(&m, "Not so: ");
  put_span(&m, action);
  put_text(&m, " ");
  put_span(&m, strategy);
  put_text(&m, " ");
  put_span(&m, r->payload);
  put_text(&m, ".");
  return deny(&m);
}

// rubbish answers with an error whose data is no JSON.
static u64 rubbish(void) {
  writer e = {0};
  put_field(&e, TEXT("ERUBBISH"));
  put_field(&e, NONE);
  put_field(&e, TEXT("rubbish"));
  put_field(&e, TEXT("{\"rubbish"));
  return respond(REFUSE, written(&e));
}

u64 serve_guard(u32 number, const request *r) {
  switch (number) {
  case 0: return members(r);
  case 1: return r->user.n > 0 ? allowed() : denied("This is for known users.");
  case 2: return admins(r);
  case 3: return misbehave_trap();
  case 4: return misbehave_spin();
  case 5: return rubbish();
  case 6: return owners(r);
  case 7: return values(r);
  case 8: return merges(r);
  }
  die();
}

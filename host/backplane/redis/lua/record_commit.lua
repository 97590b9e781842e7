-- needs: common, era, record
-- record_commit makes all writes or none. ARGV: the limit of all records, 0 for
-- none, what new epochs begin with, and for each write its id, the version that
-- is expected, what it is (a letter and numbers), value, patch, by.
-- Returns a state, what has been settled, and: where they are made (1) the
-- versions, each with the value before if it was deleted; where a record is at
-- another version (0) all records; where there is no room (2) whether something
-- has ended that counts yet.
local limit, seed, FIELDS = tonumber(ARGV[1]), ARGV[2], 6

local function parse(i)
  local at = 2 + (i - 1) * FIELDS
  local kind, ttl, tombstone, log, log_room = string.match(ARGV[at + 3], '^(%a) (%d+) (%d+) (%-?%d+) (%-?%d+)$')
  local w = {
    expect = ARGV[at + 2], keep = kind == 'k', value = false, patch = false, by = ARGV[at + 6],
    ttl = tonumber(ttl), tombstone = tonumber(tombstone), log = tonumber(log), log_room = tonumber(log_room),
    epoch = i > 1 and seed .. '-' .. i or seed,
  }
  if kind == 's' or kind == 'p' then w.value = ARGV[at + 4] end
  if kind == 'p' then w.patch = ARGV[at + 5] end
  return w, ARGV[at + 1]
end

-- fit plans the log: it has no gaps, so a write whose patch is not added leaves
-- it empty.
local function fit(r, w)
  w.stay, w.log_bytes = 0, 0
  w.logged = w.patch and w.log > 0 and #w.patch <= w.log_room
  if not w.logged then return end
  w.log_bytes = #w.patch
  if r.era ~= current_era() then return end
  local stay, bytes = r.patches, r.log_bytes + #w.patch
  local oldest, at, step = {}, 1, math.max(1, math.min(64, stay - w.log + 1))
  while stay > 0 and (stay >= w.log or bytes > w.log_room) do
    if at > #oldest then
      local from = r.patches - stay
      oldest, at, step = redis.call('LRANGE', r.log, from, from + step - 1), 1, 64
    end
    bytes, stay, at = bytes - #oldest[at], stay - 1, at + 1
  end
  w.stay, w.log_bytes = stay, bytes
end

local function plan(r, w)
  if w.keep then return 0 end
  fit(r, w)
  if not w.value then
    w.ends = ending(w.tombstone)
  elseif w.ttl > 0 then
    w.ends = ending(w.ttl)
  end
  local patches = w.stay + (w.logged and 1 or 0)
  return #r.id + (w.value and #w.value or 0) + RECORD_OVERHEAD + w.log_bytes + patches * PATCH_OVERHEAD - r.size
end

local function prolong(r, w)
  if w.ttl > 0 and r.valued then
    schedule(r, ending(w.ttl))
    redis.call('HSET', r.key, 'x', int(r.ends), 't', int(w.tombstone))
  end
end

local writes, records = {}, {}
for i = 1, (#ARGV - 2) / FIELDS do
  local w, id = parse(i)
  writes[i], records[i] = w, load(id)
end
-- Nothing may fail once something has been written: what another program has
-- left is found here.
if #writes > 1 then
  for _, name in ipairs({'records', 'record-order', 'record-ends'}) do redis.call('ZCARD', base .. name) end
end
local used = tonumber(redis.call('GET', base .. 'record-bytes') or 0)

local expected = true
for i, r in ipairs(records) do
  settle(r)
  expected = expected and version(r) == writes[i].expect
end
local all = {}
if not expected then
  for _, r in ipairs(records) do
    all[#all + 1] = r.epoch and told(r.epoch) or ''
    all[#all + 1] = r.number
    all[#all + 1] = r.valued and redis.call('HGET', r.key, 'v')
  end
  return {0, settled, all}
end

local growth = 0
for i, r in ipairs(records) do growth = growth + plan(r, writes[i]) end
if growth > 0 and limit > 0 then
  if #settled > 0 then used = tonumber(redis.call('GET', base .. 'record-bytes') or 0) end
  if used + growth > limit then
    return {2, settled, #redis.call('ZRANGEBYSCORE', base .. 'record-ends', '-inf', int(now), 'LIMIT', 0, 1)}
  end
end

for i, r in ipairs(records) do
  local w, previous = writes[i], false
  if w.keep then
    prolong(r, w)
  else
    local _
    _, previous = write(r, w)
  end
  all[#all + 1] = r.epoch and told(r.epoch) or ''
  all[#all + 1] = r.number
  all[#all + 1] = previous
end
account(growth)
return {1, settled, all}

-- Publishes a message on a channel of mesh-host, with history, from any program.
-- It is what mesh-host itself runs, put together by its tests; see docs/REDIS.md.
--
--   EVAL <this text> 1 <base> <channel> <text> <count> <milliseconds> <random> text
--
-- base: redis.prefix, "mesh:"; on a Cluster followed by the tag of the channel.
-- text: the message, UTF-8, at most 4 MiB; clients get it as a string.
-- count: how many messages the channel shall keep at least, and for how long.
-- random: any text that is another one each time.
-- "text": as it is; says that the message is not a JSON string yet.
--
-- Answers with epoch and offset. On a Cluster the next line is to say 'SPUBLISH'.
local PUBLISH = 'PUBLISH'
-- What all scripts begin with. KEYS[1] is the base of the shard's keys; the keys
-- of a script are made from it, so that all of them are in its slot.
local base = KEYS[1]
local clock = redis.call('TIME')
-- The server's time, in milliseconds and in microseconds since 1970.
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = clock[1] * 1000000 + clock[2]

-- int writes a whole number as decimal text, up to 2^53. %d is twice as fast as
-- %.0f, and too short where the server is a 32-bit program.
local decimal = string.format('%d', 9007199254740992) == '9007199254740992' and '%d' or '%.0f'
local function int(n) return string.format(decimal, n) end

-- frame builds what is published, see frame.go; false is a field that is absent.
local function frame(...)
  local parts = {'\1'}
  for i = 1, select('#', ...) do
    local part = select(i, ...)
    if part then
      if type(part) == 'number' then part = int(part) end
      parts[#parts + 1] = struct.pack('>I4', #part)
      parts[#parts + 1] = part
    else
      parts[#parts + 1] = '\255\255\255\255'
    end
  end
  return table.concat(parts)
end

-- publish tells those who have subscribed to a channel of this shard.
local function publish(channel, text) redis.call(PUBLISH, base .. channel, text) end
-- era names the time in which this shard can have lost nothing: it is another
-- one whenever the server that has the shard is another, or has started anew
-- (its replication id says so), for then the end of what it was told before may
-- be missing. It is a part of every epoch.
local function era()
  local info = redis.call('INFO', 'replication')
  local known = redis.call('HMGET', base .. 'era', 'server', 'era')
  if known[1] and known[2] and string.find(info, 'master_replid:' .. known[1], 1, true) then
    return known[2]
  end
  local name = string.format('%x', micros)
  redis.call('HSET', base .. 'era', 'server', string.match(info, 'master_replid:(%x+)'), 'era', name)
  return name
end
-- A channel's stream: what is said of it is in a hash, its messages in a Redis
-- stream under the ids "<offset>-0", without gaps up to the top. Redis may have
-- evicted either, and another program may have written to both. What does not
-- fit together is dropped whole, and the channel begins a new epoch: nobody is
-- told of a past that is not proven. A key of another type is an error before
-- anything is written.
local name = ARGV[1]
local meta, log = base .. 'channel:' .. name, base .. 'stream:' .. name

-- idle is how long a stream is kept after its last use at least, in
-- milliseconds, so that a short TTL does not make for many epochs.
local idle = 600000

-- whole reads a number as save has written it, nil of anything else.
local function whole(text)
  local n = text and string.find(text, '^%d+$') and tonumber(text)
  return n and n < 9007199254740992 and n or nil
end

-- open returns what is said of the stream, nil where there is none.
local function open()
  local f = redis.call('HMGET', meta, 'e', 'top', 'time', 'count', 'ttl', 'due')
  local s = {
    epoch = f[1], top = whole(f[2]), time = whole(f[3]), count = whole(f[4]), ttl = whole(f[5]), due = whole(f[6])
  }
  if s.epoch and s.top and s.time and s.count and s.ttl and s.due then return s end
end

-- begin drops what there is and returns a stream that is not saved yet. Its
-- epoch is another one even where the same seed is given twice.
local function begin(seed)
  redis.call('XLEN', log) -- fails where the key is of another type
  redis.call('UNLINK', meta, log)
  local epoch = string.sub(redis.sha1hex(seed .. int(micros) .. name), 1, 12)
  return {epoch = epoch, top = 0, time = 0, count = 0, ttl = 0, due = 0, changed = true}
end

-- raise makes a stream keep what is asked for, where that is more.
local function raise(s, count, ttl)
  if count == 0 or count <= s.count and ttl <= s.ttl then return end
  s.count, s.ttl, s.changed = math.max(s.count, count), math.max(s.ttl, ttl), true
end

-- save writes what is said of a stream, where more has changed than its top all
-- of it, and counts as its use. One on which nothing was ever published does not
-- stay for long, whatever was asked for.
local function save(s)
  local top, time = int(s.top), int(s.time)
  if s.changed then
    redis.call('HSET', meta, 'e', s.epoch, 'top', top, 'time', time, 'count', int(s.count), 'ttl', int(s.ttl), 'due', int(s.due))
  elseif s.published then
    redis.call('HSET', meta, 'top', top, 'time', time)
  end
  local life = int(s.top > 0 and math.max(s.ttl, idle) or idle)
  redis.call('PEXPIRE', meta, life)
  redis.call('PEXPIRE', log, life)
end

-- timeOf returns when a message was published, nil of one that is missing.
local function timeOf(offset)
  local id = int(offset) .. '-0'
  local entry = redis.call('XRANGE', log, id, id)[1]
  return entry and entry[2][1] == 'time' and whole(entry[2][2]) or nil
end

-- since returns the offset of the first message of a range that is not older
-- than a time, that after the range where none is, nil where one is missing.
local function since(from, to, time)
  while from <= to do
    local middle = math.floor((from + to) / 2)
    local at = timeOf(middle)
    if not at then return nil end
    if at < time then from = middle + 1 else to = middle - 1 end
  end
  return from
end

-- oldest returns the offset of the oldest message that is not too old, that
-- after the top where there is none, nil of a stream that is not whole. Until
-- s.due none can be too old, so that nobody has to look.
local function oldest(s)
  local first = s.top - redis.call('XLEN', log) + 1
  if first < 1 then return nil end
  if now < s.due then return first end
  if s.time + s.ttl <= now then return s.top + 1 end
  return since(first, s.top, now - s.ttl + 1)
end
-- largest is how many bytes a text from outside may have.
local largest = 4194304

-- isUTF8 reports whether text is UTF-8 (RFC 3629).
local function isUTF8(text)
  local function tail(byte, least, most) return byte and byte >= (least or 128) and byte <= (most or 191) end
  local at = string.find(text, '[\128-\255]')
  while at do
    local a, b, c, d = string.byte(text, at, at + 3)
    if a >= 194 and a < 224 and tail(b) then
      at = at + 2
    elseif a >= 224 and a < 240 and tail(b, a == 224 and 160, a == 237 and 159) and tail(c) then
      at = at + 3
    elseif a >= 240 and a < 245 and tail(b, a == 240 and 144, a == 244 and 143) and tail(c) and tail(d) then
      at = at + 4
    else
      return false
    end
    at = string.find(text, '[\128-\255]', at)
  end
  return true
end

-- asString writes text from outside as a JSON string, the form in which messages
-- are kept; or says what is wrong with it.
local function asString(text)
  if #text > largest then return nil, 'SIZE: a message has at most 4 MiB' end
  if not isUTF8(text) then return nil, 'UTF8: a message is UTF-8 text' end
  return cjson.encode(text)
end
-- needs: common, era, stream, text
-- Publishes a message: channel, data, how many messages to keep, for how many
-- milliseconds, random text for a new epoch; where 'text' follows, the data is
-- text from outside, otherwise a JSON string already. Returns nothing of a
-- message that is not kept, else its epoch and offset.
local data, count, ttl, seed = ARGV[2], whole(ARGV[3]), whole(ARGV[4]), ARGV[5]
if not count or not ttl or not seed or count > 0 and (ttl == 0 or ttl > 10000000000000) then
  return redis.error_reply('MESH KEEP: want channel, data, count, milliseconds, random text')
end
if ARGV[6] == 'text' then
  local json, wrong = asString(data)
  if wrong then return redis.error_reply('MESH ' .. wrong) end
  data = json
end

-- trim removes what is too old, and notes when to look again. It reports whether
-- the stream is whole.
local function trim(s)
  local first = oldest(s)
  if not first then return false end
  s.changed = true
  if first > s.top then
    redis.call('XTRIM', log, 'MAXLEN', '0')
    s.due = math.max(s.time, now) + s.ttl
    return true
  end
  redis.call('XTRIM', log, 'MINID', int(first))
  s.due = (timeOf(first) or now) + s.ttl
  return true
end

-- append adds the message to a stream. It returns nothing where the stream is
-- not whole, else what Redis says.
local function append(s)
  if now >= s.due and not trim(s) then return nil end
  s.top, s.time, s.published = s.top + 1, math.max(s.time, now), true
  local added = redis.pcall('XADD', log, 'MAXLEN', int(s.count), int(s.top) .. '-0', 'time', int(s.time), 'data', data)
  if added.err and string.find(added.err, ' ID', 1, true) then return nil end -- there is a higher one
  return added
end

local s = open()
if not s and count == 0 then
  publish('channel:' .. name, frame(data, now))
  return false
end
s = s or begin(seed)
raise(s, count, ttl)
local added = append(s)
if not added then
  local anew = begin(seed)
  raise(anew, s.count, s.ttl)
  s, added = anew, append(anew)
end
if added.err then return added end
save(s)
local epoch = s.epoch .. '.' .. era()
publish('channel:' .. name, frame(data, s.time, s.top, epoch))
return {epoch, s.top}

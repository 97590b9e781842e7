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

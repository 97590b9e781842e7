-- Records. record:<id> is a hash: the epoch e that the record began with, the
-- number n of its version, the value v unless it is deleted, when value or
-- tombstone end x (0: never), how long the next tombstone is kept t, the bytes
-- of the patches in its log s, and the era r of its last change.

-- What a record and a patch count beside their bytes: backplane.RecordOverhead
-- and backplane.PatchOverhead.
local RECORD_OVERHEAD, PATCH_OVERHEAD = 256, 48

local this_era
local function current_era()
  this_era = this_era or era()
  return this_era
end

-- told is an epoch as others are told it.
local function told(epoch) return epoch .. '.' .. current_era() end

-- ending is when what lasts for so many milliseconds ends: never too early.
local function ending(lasts) return math.ceil(micros / 1000 + lasts) end

-- measure sets what a record counts.
local function measure(r, value_bytes)
  r.size = #r.id + value_bytes + RECORD_OVERHEAD + r.log_bytes + r.patches * PATCH_OVERHEAD
end

local function blank(r)
  r.epoch, r.number, r.valued, r.ends, r.era = nil, '0', false, nil, nil
  r.patches, r.log_bytes, r.size = 0, 0, 0
end

-- load reads a record, without its value.
local function load(id)
  local r = {id = id, key = base .. 'record:' .. id, log = base .. 'patches:' .. id}
  local patches = redis.call('LLEN', r.log)
  local f = redis.call('HMGET', r.key, 'e', 'n', 'x', 't', 's', 'r')
  if not f[1] then
    blank(r)
    return r
  end
  local bytes = redis.call('HSTRLEN', r.key, 'v')
  r.epoch, r.number, r.era = f[1], f[2] or '0', f[6]
  r.valued = bytes > 0 or redis.call('HEXISTS', r.key, 'v') == 1
  r.ends = tonumber(f[3] or 0)
  if r.ends == 0 then r.ends = nil end
  r.tombstone = tonumber(f[4] or 1)
  r.patches, r.log_bytes = patches, tonumber(f[5] or 0)
  measure(r, bytes)
  return r
end

-- version is a record's version as one text.
local function version(r)
  if not r.epoch then return ' 0' end
  return told(r.epoch) .. ' ' .. r.number
end

-- account adds to what all records count together.
local function account(bytes)
  if bytes ~= 0 and redis.call('INCRBY', base .. 'record-bytes', int(bytes)) <= 0 then
    redis.call('DEL', base .. 'record-bytes')
  end
end

-- schedule sets when a record ends, nil for never.
local function schedule(r, ends)
  if ends then
    redis.call('ZADD', base .. 'record-ends', int(ends), r.id)
  elseif r.ends then
    redis.call('ZREM', base .. 'record-ends', r.id)
  end
  r.ends = ends
end

-- relog makes the log what a write has planned: so many of its patches stay, and
-- the write's may be added.
local function relog(r, w)
  if w.stay == 0 then
    redis.call('DEL', r.log)
  elseif w.stay < r.patches then
    redis.call('LTRIM', r.log, -w.stay, -1)
  end
  r.patches, r.log_bytes = w.stay, w.log_bytes
  if w.logged then
    redis.call('RPUSH', r.log, w.patch)
    r.patches = r.patches + 1
  end
end

-- write makes a record's next version, publishes it, and returns what was
-- published, and the value before if it is deleted. What a deletion begins with
-- is a command that needs no memory: Redis then lets the others pass, though it
-- be full.
local function write(r, w)
  local previous, patch = false, w.patch
  if not w.value then
    patch = false
    previous = r.valued and redis.call('HGET', r.key, 'v')
    redis.call('ZREM', base .. 'records', r.id)
  elseif not r.valued then
    redis.call('ZADD', base .. 'records', 0, r.id)
  end
  local seq = redis.call('INCR', base .. 'record-seq')
  if seq == 1 then -- the first, or somebody has removed it: it must not go back
    seq = micros
    redis.call('SET', base .. 'record-seq', int(seq))
  end
  redis.call('ZADD', base .. 'record-order', int(seq), r.id)
  schedule(r, w.ends)
  if r.epoch and r.era ~= current_era() then
    patch = false -- who has seen the version before may have seen another one
  end
  r.epoch, r.number, r.era = r.epoch or w.epoch, int(r.number + 1), current_era()
  relog(r, w)
  local fields = {'e', r.epoch, 'n', r.number, 'x', int(r.ends or 0),
    't', int(w.tombstone), 's', int(r.log_bytes), 'r', r.era}
  if w.value then
    fields[13], fields[14] = 'v', w.value
  elseif r.valued then
    redis.call('HDEL', r.key, 'v')
  end
  redis.call('HSET', r.key, unpack(fields))
  r.valued, r.tombstone = w.value and true, w.tombstone
  measure(r, w.value and #w.value or 0)
  local text = frame(r.id, r.number, told(r.epoch), w.value, patch, previous, w.by, w.expired or '', seq)
  -- In this order: see recordsHandler.
  publish('records', text)
  publish('record:' .. r.id, text)
  return text, previous
end

-- forget removes a tombstone. record-floor is the newest change that is not in
-- record-order any more.
local function forget(r)
  redis.call('DEL', r.key, r.log)
  redis.call('ZREM', base .. 'record-ends', r.id)
  local seq = tonumber(redis.call('ZSCORE', base .. 'record-order', r.id) or 0)
  redis.call('ZREM', base .. 'record-order', r.id)
  if seq > tonumber(redis.call('GET', base .. 'record-floor') or 0) then
    redis.call('SET', base .. 'record-floor', int(seq))
  end
  account(-r.size)
  blank(r)
end

-- settled are the versions that settle has made, as they were published.
local settled = {}

-- settle does to a record what time has done.
local function settle(r)
  if not r.ends or r.ends > now then return end
  if not r.valued then return forget(r) end
  local before = r.size
  settled[#settled + 1] = write(r, {
    value = false, patch = false, stay = 0, log_bytes = 0, by = '', expired = '1',
    tombstone = r.tombstone, ends = ending(r.tombstone),
  })
  account(r.size - before)
end

-- peek reads a record with its value: nil where there is none, or what is there
-- is another program's; ended says that it is to be settled first.
local function peek(id)
  local f = redis.pcall('HMGET', base .. 'record:' .. id, 'e', 'n', 'v', 'x')
  if f.err or not f[1] then return nil end
  local ends = tonumber(f[4] or 0)
  return {epoch = told(f[1]), number = f[2], value = f[3], ended = ends > 0 and ends <= now}
end

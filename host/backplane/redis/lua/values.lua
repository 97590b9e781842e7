-- A namespace of the key-value store: its values in a hash, when those end that
-- do in a sorted set, how many bytes all take up, and in spaces, for all
-- namespaces, when to look at each at the latest. What has ended is not there
-- for anyone, whether or not it has been removed.
local spaces = base .. 'kv-spaces'

-- overhead is what an entry counts beside its key and value
-- (backplane.EntryOverhead).
local overhead = 64

-- space returns the keys of a namespace, with the bytes that it holds. Where
-- Redis has evicted some of them the bytes are counted anew. It fails, before
-- anything is written, where a key is of another type.
local function space(name)
  local s = {name = name, hash = base .. 'kv:' .. name, ends = base .. 'kv-ends:' .. name, used = base .. 'kv-bytes:' .. name}
  local entries = redis.call('HLEN', s.hash)
  s.ending = redis.call('ZCARD', s.ends)
  redis.call('ZCARD', spaces)
  s.was = tonumber(redis.call('GET', s.used) or '')
  s.bytes = entries > 0 and s.was or 0
  if entries == 0 and s.ending > 0 then
    redis.call('DEL', s.ends)
    s.ending = 0
  elseif entries > 0 and not s.was then
    for _, key in ipairs(redis.call('HKEYS', s.hash)) do
      s.bytes = s.bytes + overhead + #key + redis.call('HSTRLEN', s.hash, key)
    end
  end
  return s
end

-- drop removes an entry, whose value is given in bytes.
local function drop(s, key, size)
  if redis.call('HDEL', s.hash, key) == 1 then s.bytes = s.bytes - overhead - #key - size end
  if s.ending > 0 then s.ending = s.ending - redis.call('ZREM', s.ends, key) end
end

-- expire removes entries that have ended, at most so many, and returns how many
-- there were.
local function expire(s, most)
  if s.ending == 0 then return 0 end
  local due = redis.call('ZRANGEBYSCORE', s.ends, '-inf', int(now), 'LIMIT', '0', int(most))
  for _, key in ipairs(due) do drop(s, key, redis.call('HSTRLEN', s.hash, key)) end
  return #due
end

-- settle writes what has become of a namespace's bytes. One that is empty leaves
-- nothing.
local function settle(s)
  if s.bytes == s.was then return end
  if redis.call('EXISTS', s.hash) == 0 then
    redis.call('DEL', s.used, s.ends)
  else
    redis.call('SET', s.used, int(s.bytes))
  end
end

-- find removes a few entries that have ended, so that they cannot pile up faster
-- than they go, and returns the value of the one that a write is about.
local function find(s, key)
  expire(s, 2)
  local value = redis.call('HGET', s.hash, key)
  if value and s.ending > 0 then
    local ends = redis.call('ZSCORE', s.ends, key)
    if ends and tonumber(ends) <= now then
      drop(s, key, #value)
      value = nil
    end
  end
  return value or nil
end

-- room reports whether a namespace may grow by so many bytes. Where it is full
-- what has ended goes first.
local function room(s, growth, limit)
  if growth <= 0 or limit <= 0 then return true end
  while s.bytes + growth > limit do
    if expire(s, 100) == 0 then return false end
  end
  return true
end

-- growth is by how much a namespace grows when a value is put in place of
-- another, or of none.
local function growth(key, old, value)
  if old then return #value - #old end
  return overhead + #key + #value
end

-- ending sets when an entry ends, in milliseconds from now; 0: never.
local function ending(s, key, ttl)
  if ttl == 0 then
    if s.ending > 0 then redis.call('ZREM', s.ends, key) end
    return
  end
  local at = int(now + ttl)
  redis.call('ZADD', spaces, 'LT', at, s.name)
  redis.call('ZADD', s.ends, at, key)
end

-- put writes a value in place of another, or of none. It reports whether there
-- was room.
local function put(s, key, old, value, ttl, limit)
  local more = growth(key, old, value)
  if not room(s, more, limit) then return false end
  ending(s, key, ttl)
  redis.call('HSET', s.hash, key, value)
  s.bytes = s.bytes + more
  return true
end

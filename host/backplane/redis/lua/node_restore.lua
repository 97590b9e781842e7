-- needs: common, presence
-- Registers connections of a node that are missing, with all that they had, and
-- returns the ids of those that another node has. Those who follow the presence
-- of a room are told; the node itself knows.
local node, incarnation, at = ARGV[1], ARGV[2], 2
if redis.call('HGET', base .. 'incarnations', node) ~= incarnation then
  return redis.error_reply('MESH DEAD')
end
local function take()
  at = at + 1
  return ARGV[at]
end
local function takeOptional()
  local there = take() == '1'
  local value = take()
  return there and value
end

local function join(id)
  local room, present, state, ttl = take(), take() == '1', takeOptional(), tonumber(take())
  return function()
    redis.call('HSET', base .. 'room:' .. room, id, '0')
    redis.call('SADD', base .. 'rooms-of:' .. id, room)
    redis.call('HINCRBY', base .. 'nodes-in:' .. room, node, 1)
    if redis.call('ZADD', base .. 'rooms', 0, room) == 1 then
      redis.call('PERSIST', base .. 'room-seq:' .. room)
    end
    if present then enter(room, id, '0') end
    if not present or not state then return end
    redis.call('HSET', base .. 'states:' .. room, id, state)
    if ttl > 0 then redis.call('ZADD', base .. 'state-ends', int(now + ttl), ending(room, id)) end
    tell(room, id, STATE, state)
  end
end

local function register(id, user, since, meta)
  redis.call('HSET', base .. 'conn:' .. id, 'node', node, 'user', user, 'at', since)
  if meta then redis.call('HSET', base .. 'conn:' .. id, 'meta', meta) end
  redis.call('ZADD', base .. 'conns', 0, id)
  redis.call('SADD', base .. 'conns-of:' .. node, id)
  if user ~= '' then
    redis.call('SADD', base .. 'user:' .. user, id)
    redis.call('ZADD', base .. 'users', 0, user)
  end
end

local taken = {}
while at < #ARGV do
  local id, user, since, meta = take(), take(), take(), takeOptional()
  local joins = {}
  for i = 1, tonumber(take()) do joins[i] = join(id) end
  local holder = redis.call('HGET', base .. 'conn:' .. id, 'node')
  if not holder then
    register(id, user, since, meta)
    for _, done in ipairs(joins) do done() end
  elseif holder ~= node then
    taken[#taken + 1] = id
  end
end
return taken

-- size is what a room's metadata counts towards the limit of all.
local function size(room, value, overhead)
  return value and #room + #value + tonumber(overhead) or 0
end

-- describe writes a room's metadata, or takes it away where value is false, in
-- place of what was found.
local function describe(room, found, value, overhead)
  if value then
    redis.call('SET', base .. 'room-meta:' .. room, value)
    redis.call('ZADD', base .. 'room-metas', 0, room)
  else -- a removal first: a Redis that is full takes what follows one
    redis.call('DEL', base .. 'room-meta:' .. room)
    redis.call('ZREM', base .. 'room-metas', room)
  end
  local growth = size(room, value, overhead) - size(room, found, overhead)
  if redis.call('INCRBY', base .. 'room-meta-bytes', int(growth)) <= 0 then
    redis.call('DEL', base .. 'room-meta-bytes')
  end
end

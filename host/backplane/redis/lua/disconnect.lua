-- disconnect ends a connection and returns the rooms that it left thereby, nil
-- where it was gone. It leaves them in one order wherever it is run.
local function disconnect(id, reason)
  local about = redis.call('HMGET', base .. 'conn:' .. id, 'node', 'user')
  local node, user = about[1], about[2]
  if not node then return nil end
  local rooms = redis.call('SMEMBERS', base .. 'rooms-of:' .. id)
  table.sort(rooms)
  for _, room in ipairs(rooms) do leave(room, id, reason, node) end
  redis.call('DEL', base .. 'conn:' .. id, base .. 'rooms-of:' .. id)
  redis.call('ZREM', base .. 'conns', id)
  redis.call('SREM', base .. 'conns-of:' .. node, id)
  if user and user ~= '' then
    redis.call('SREM', base .. 'user:' .. user, id)
    if redis.call('EXISTS', base .. 'user:' .. user) == 0 then
      redis.call('ZREM', base .. 'users', user)
    end
  end
  return rooms
end

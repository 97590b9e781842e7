-- leave ends the membership of a node's connection in a room, and reports whether
-- there was one.
local function leave(room, id, reason, node)
  local field = redis.call('HGET', base .. 'room:' .. room, id)
  if not field then return false end
  redis.call('HDEL', base .. 'room:' .. room, id)
  redis.call('SREM', base .. 'rooms-of:' .. id, room)
  if node then
    if redis.call('HINCRBY', base .. 'nodes-in:' .. room, node, -1) <= 0 then
      redis.call('HDEL', base .. 'nodes-in:' .. room, node)
    end
    notify(node, 'member', room, id, '0', reason)
  end
  if field == '1' then exit(room, id) end
  if redis.call('EXISTS', base .. 'room:' .. room) == 0 then
    redis.call('ZREM', base .. 'rooms', room)
    redis.call('DEL', base .. 'nodes-in:' .. room)
    -- Who was cut off for less than this sees by it whether events were missed.
    redis.call('EXPIRE', base .. 'room-seq:' .. room, 60)
  end
  return true
end

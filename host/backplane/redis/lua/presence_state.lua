-- needs: common, inbox, presence, optional
local room, id, ttl, silent = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local own, state = ARGV[5], optional(6)
if redis.call('HGET', base .. 'room:' .. room, id) ~= '1' then return 0 end
notifyOwner(own, id, 'state', room, id, state, ttl)
local ends = lapse(room, id)
if not state then
  clear(room, id)
  return 1
end
redis.call('HSET', base .. 'states:' .. room, id, state)
if ttl > 0 then
  redis.call('ZADD', base .. 'state-ends', int(now + ttl), ending(room, id))
elseif ends then
  redis.call('ZREM', base .. 'state-ends', ending(room, id))
end
if silent ~= '1' then tell(room, id, STATE, state) end
return 1

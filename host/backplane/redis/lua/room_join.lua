-- needs: common, inbox, presence
local room, id, present, own = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local node = redis.call('HGET', base .. 'conn:' .. id, 'node')
if not node then return redis.error_reply('MESH GONE') end
local field = redis.call('HGET', base .. 'room:' .. room, id)
local joined = 0
if not field then
  field, joined = '0', 1
  redis.call('HSET', base .. 'room:' .. room, id, field)
  redis.call('SADD', base .. 'rooms-of:' .. id, room)
  redis.call('HINCRBY', base .. 'nodes-in:' .. room, node, 1)
  if redis.call('ZADD', base .. 'rooms', 0, room) == 1 then
    redis.call('PERSIST', base .. 'room-seq:' .. room)
  end
  notify(node, 'member', room, id, '1', '')
end
if present == '1' and enter(room, id, field) and node ~= own then
  notify(node, 'present', room, id, '1')
end
return {joined, place(own)}

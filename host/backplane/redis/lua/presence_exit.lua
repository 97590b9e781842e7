-- needs: common, inbox, presence
local room, id, own = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', base .. 'room:' .. room, id) ~= '1' then return 0 end
redis.call('HSET', base .. 'room:' .. room, id, '0')
exit(room, id)
notifyOwner(own, id, 'present', room, id, '0')
return 1

-- needs: common, inbox, presence
local room, id, own = ARGV[1], ARGV[2], ARGV[3]
if not enter(room, id, redis.call('HGET', base .. 'room:' .. room, id)) then return 0 end
notifyOwner(own, id, 'present', room, id, '1')
return 1

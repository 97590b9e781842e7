-- needs: common, inbox, presence, leave
local room, id, reason, own = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local node = redis.call('HGET', base .. 'conn:' .. id, 'node')
return {leave(room, id, reason, node) and 1 or 0, place(own)}

-- needs: common, inbox, presence, leave, disconnect
local id, reason, own = ARGV[1], ARGV[2], ARGV[3]
local node = redis.call('HGET', base .. 'conn:' .. id, 'node')
local rooms = disconnect(id, reason)
if rooms and node ~= own then notify(node, 'gone', id) end
return {rooms and 1 or 0, place(own), rooms or {}}

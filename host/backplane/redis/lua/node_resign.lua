-- needs: common, death
-- Gives a lease back: who does that cleans up.
local node, incarnation, claim = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', base .. 'incarnations', node) ~= incarnation then return 0 end
redis.call('HDEL', base .. 'inboxes', node) -- it has no sessions left that could miss anything
die(node, now + claim)
return 1

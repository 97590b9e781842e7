-- needs: common
-- Reads some of the ids of a node's connections, from a cursor on, and the number of
-- the last frame that the node was sent.
local reply = redis.call('SSCAN', base .. 'conns-of:' .. ARGV[1], ARGV[2], 'COUNT', ARGV[3])
reply[3] = redis.call('HGET', base .. 'inboxes', ARGV[1])
return reply

-- needs: common
-- Reads some of the ids of a node's connections, from a cursor on.
return redis.call('SSCAN', base .. 'conns-of:' .. ARGV[1], ARGV[2], 'COUNT', ARGV[3])

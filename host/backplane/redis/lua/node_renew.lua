-- needs: common
-- Prolongs a lease, and says how many connections the node has, and when the lease
-- ends; nothing where this life of the node has been buried, or forgotten.
local node, incarnation, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', base .. 'incarnations', node) ~= incarnation then return {0, 0} end
-- A Redis that is full takes no ZADD, save in a script that has written already:
-- it must not be what ends all nodes.
redis.call('ZREM', base .. 'nodes', node)
redis.call('ZADD', base .. 'nodes', int(now + lease), node)
return {1, redis.call('SCARD', base .. 'conns-of:' .. node), int(now + lease)}

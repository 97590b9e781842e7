-- needs: common, inbox, death
-- Takes a lease for a life of a node, unless another life of it has one or is
-- being cleaned up after.
local node, incarnation, lease, seen = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('ZSCORE', base .. 'dying', node) then return {'dying'} end
local deadline = tonumber(redis.call('ZSCORE', base .. 'nodes', node) or 0)
local other = redis.call('HGET', base .. 'incarnations', node)
if deadline > now and other ~= incarnation then
  return {'taken', deadline - now, int(deadline) .. ' ' .. (other or '')}
elseif deadline > 0 and other ~= incarnation then
  die(node, 0)
  return {'dying'}
end
redis.call('ZADD', base .. 'nodes', int(now + lease), node)
redis.call('HSET', base .. 'incarnations', node, incarnation)
-- A life's numbers are above those of every life before, also where Redis has
-- forgotten them.
redis.call('HSET', base .. 'inboxes', node, int(math.max(micros, seen)))
redis.call('HDEL', base .. 'instructed', node)
redis.call('DEL', base .. 'buried:' .. node)
notify(node, 'begin', incarnation)
return {'alive', place(node)}

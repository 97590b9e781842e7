-- needs: common, inbox, presence, leave, disconnect
-- Ends some of the connections of a dying node, by how many rooms they leave, and
-- says whether there are more. It may be called by several at once.
local node, most, claim = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not redis.call('ZSCORE', base .. 'dying', node) then return 0 end
local work = 0
while work < most do
  local id = redis.call('SPOP', base .. 'conns-of:' .. node)
  if not id then
    redis.call('HDEL', base .. 'inboxes', node)
    redis.call('HDEL', base .. 'instructed', node)
    redis.call('ZREM', base .. 'dying', node)
    return 0
  end
  work = work + 1
  if redis.call('HGET', base .. 'conn:' .. id, 'node') == node then
    work = work + #(disconnect(id, '') or {})
  end
end
redis.call('ZADD', base .. 'dying', int(now + claim), node)
return 1

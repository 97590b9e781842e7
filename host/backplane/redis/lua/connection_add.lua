-- needs: common, optional
local id, node, incarnation, user, at, meta = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], optional(6)
local lease = redis.call('ZSCORE', base .. 'nodes', node)
if not lease or now > tonumber(lease) or redis.call('HGET', base .. 'incarnations', node) ~= incarnation then
  return redis.error_reply('MESH DEAD')
end
if redis.call('EXISTS', base .. 'conn:' .. id) == 1 then return redis.error_reply('MESH EXISTS') end
redis.call('HSET', base .. 'conn:' .. id, 'node', node, 'user', user, 'at', at)
if meta then redis.call('HSET', base .. 'conn:' .. id, 'meta', meta) end
redis.call('ZADD', base .. 'conns', 0, id)
redis.call('SADD', base .. 'conns-of:' .. node, id)
if user ~= '' then
  redis.call('SADD', base .. 'user:' .. user, id)
  redis.call('ZADD', base .. 'users', 0, user)
end
return 1

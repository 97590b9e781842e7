-- needs: common, inbox, presence, leave, disconnect
-- Ends connections of a node that it no longer has, if it is the one that lives.
local node, incarnation = ARGV[1], ARGV[2]
if redis.call('HGET', base .. 'incarnations', node) ~= incarnation then
  return redis.error_reply('MESH DEAD')
end
for i = 3, #ARGV do
  if redis.call('HGET', base .. 'conn:' .. ARGV[i], 'node') == node then
    disconnect(ARGV[i], '')
  else
    redis.call('SREM', base .. 'conns-of:' .. node, ARGV[i])
  end
end
return 1

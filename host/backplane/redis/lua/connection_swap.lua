-- needs: common, inbox, optional
local id, own, expected, value = ARGV[1], ARGV[2], optional(3), optional(5)
local about = redis.call('HMGET', base .. 'conn:' .. id, 'node', 'meta')
local node, found = about[1], about[2]
if not node then return redis.error_reply('MESH GONE') end
if found ~= expected then return {0, 0, found} end
if found or value then
  if value then
    redis.call('HSET', base .. 'conn:' .. id, 'meta', value)
  else
    redis.call('HDEL', base .. 'conn:' .. id, 'meta')
  end
  notify(node, 'metadata', id, value)
end
return {1, place(own)}

-- needs: common, values
-- Removes values that have ended, at most so many of so many namespaces. Returns
-- whether there may be more.
local names, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', spaces, '-inf', int(now), 'LIMIT', '0', int(names))
local more = #due == names
for _, name in ipairs(due) do
  local s = space(name)
  if expire(s, most) == most then more = true end
  settle(s)
  local next = redis.call('ZRANGE', s.ends, '0', '0', 'WITHSCORES')
  if next[2] then
    redis.call('ZADD', spaces, next[2], name)
  else
    redis.call('ZREM', spaces, name)
  end
end
return more and 1 or 0

-- Reads a page: whether there are more, then five things about each connection.
local base, from, limit, bytes = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = redis.call('ZRANGEBYLEX', base .. 'conns', from, '+', 'LIMIT', 0, limit + 1)
local page, size = {0}, 0
for i, id in ipairs(ids) do
  if i > limit or size > bytes then
    page[1] = 1
    break
  end
  local about = redis.call('HMGET', base .. 'conn:' .. id, 'node', 'user', 'at', 'meta')
  size = size + #id + #(about[4] or '')
  page[#page + 1] = id
  for field = 1, 4 do page[#page + 1] = about[field] end
end
return page

-- Reads a page: whether there are more, then each room with its metadata.
local base, from, limit, bytes = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local rooms = redis.call('ZRANGEBYLEX', base .. 'room-metas', from, '+', 'LIMIT', 0, limit + 1)
local page, size = {0}, 0
for i, room in ipairs(rooms) do
  if i > limit or size > bytes then
    page[1] = 1
    break
  end
  local value = redis.call('GET', base .. 'room-meta:' .. room)
  size = size + #room + #(value or '')
  page[#page + 1] = room
  page[#page + 1] = value
end
return page

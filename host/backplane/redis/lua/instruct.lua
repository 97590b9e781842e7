-- needs: common, inbox
-- Sends an instruction to each node that has connections of an audience, and
-- counts those that other nodes have.
local own, token, body, scope, count = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local names, except, excepted = {}, {}, {}
for i = 6, 5 + count do names[i - 5] = ARGV[i] end
for i = 6 + count, #ARGV do
  if not except[ARGV[i]] then excepted[#excepted + 1] = ARGV[i] end
  except[ARGV[i]] = true
end

local nodes, reached, met = {}, 0, {}
local function nodeOf(id) return redis.call('HGET', base .. 'conn:' .. id, 'node') end
local function meet(id)
  if except[id] or met[id] then return end
  met[id] = true
  local node = nodeOf(id)
  if not node then return end
  nodes[node] = true
  if node ~= own then reached = reached + 1 end
end

-- without counts those of others' connections that are left out.
local function without(isIn)
  local n = 0
  for _, id in ipairs(excepted) do
    local node = isIn(id) and nodeOf(id)
    if node and node ~= own then n = n + 1 end
  end
  return n
end

-- inRoom counts a room's members on other nodes.
local function inRoom(room)
  local members, n = redis.call('HGETALL', base .. 'nodes-in:' .. room), 0
  for i = 1, #members, 2 do
    nodes[members[i]] = true
    if members[i] ~= own then n = n + tonumber(members[i + 1]) end
  end
  return n - without(function(id) return redis.call('HEXISTS', base .. 'room:' .. room, id) == 1 end)
end

-- inRooms counts who is in several rooms once, unless that is too much to look
-- at: then it counts those of the largest room, who are some of them.
local function inRooms(rooms)
  local size, most = 0, 0
  for _, room in ipairs(rooms) do
    most = math.max(most, inRoom(room))
    size = size + redis.call('HLEN', base .. 'room:' .. room)
  end
  if #rooms == 1 or size > 2000 then return most end
  for _, room in ipairs(rooms) do
    for _, id in ipairs(redis.call('HKEYS', base .. 'room:' .. room)) do meet(id) end
  end
  return reached
end

if scope == 'listed' then
  for _, id in ipairs(names) do meet(id) end
elseif scope == 'user' then
  for _, user in ipairs(names) do
    for _, id in ipairs(redis.call('SMEMBERS', base .. 'user:' .. user)) do meet(id) end
  end
elseif scope == 'room' then
  reached = inRooms(names)
elseif scope == 'everyone' then
  for _, node in ipairs(redis.call('ZRANGE', base .. 'nodes', 0, -1)) do
    nodes[node] = true
    if node ~= own then reached = reached + redis.call('SCARD', base .. 'conns-of:' .. node) end
  end
  reached = reached - without(function() return true end)
end
for node in pairs(nodes) do notify(node, 'instruct', token, body) end
return {place(own), reached}

-- notify sends a frame to the inbox of a node. Each has the number that follows
-- the one before, so that a node sees when one is missing. One that has no lease
-- gets none, and nothing is left of it: what ends with it is no news to a node
-- that was only paused, for it registers everything anew.
local told, listed = {}, {}
local function notify(node, kind, ...)
  if listed[node] == nil then
    listed[node] = redis.call('ZSCORE', base .. 'nodes', node) and true or false
  end
  if not listed[node] then return end
  local number = redis.call('HINCRBY', base .. 'inboxes', node, 1)
  -- What is done to sessions cannot be made up for, unlike all else.
  if kind == 'instruct' then redis.call('HSET', base .. 'instructed', node, int(number)) end
  told[node] = number
  publish('node:' .. node, frame(kind, number, ...))
end

-- place is the number of the last frame that this script has sent to a node, 0
-- for none: who waits until the node has handled it has seen all of them.
local function place(node) return told[node] or 0 end

-- notifyOwner sends a frame to the node of a connection, unless that is the one
-- that asks, which knows.
local function notifyOwner(own, id, kind, ...)
  local node = redis.call('HGET', base .. 'conn:' .. id, 'node')
  if node and node ~= own then notify(node, kind, ...) end
end

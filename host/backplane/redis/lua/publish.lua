-- needs: common, era, stream, text
-- Publishes a message: channel, data, how many messages to keep, for how many
-- milliseconds, random text for a new epoch; where 'text' follows, the data is
-- text from outside, otherwise a JSON string already. Returns nothing of a
-- message that is not kept, else its epoch and offset.
local data, count, ttl, seed = ARGV[2], whole(ARGV[3]), whole(ARGV[4]), ARGV[5]
if not count or not ttl or not seed or count > 0 and (ttl == 0 or ttl > 10000000000000) then
  return redis.error_reply('MESH KEEP: want channel, data, count, milliseconds, random text')
end
if ARGV[6] == 'text' then
  local json, wrong = asString(data)
  if wrong then return redis.error_reply('MESH ' .. wrong) end
  data = json
end

-- trim removes what is too old, and notes when to look again. It reports whether
-- the stream is whole.
local function trim(s)
  local first = oldest(s)
  if not first then return false end
  s.changed = true
  if first > s.top then
    redis.call('XTRIM', log, 'MAXLEN', '0')
    s.due = math.max(s.time, now) + s.ttl
    return true
  end
  redis.call('XTRIM', log, 'MINID', int(first))
  s.due = (timeOf(first) or now) + s.ttl
  return true
end

-- append adds the message to a stream. It returns nothing where the stream is
-- not whole, else what Redis says.
local function append(s)
  if now >= s.due and not trim(s) then return nil end
  s.top, s.time, s.published = s.top + 1, math.max(s.time, now), true
  local added = redis.pcall('XADD', log, 'MAXLEN', int(s.count), int(s.top) .. '-0', 'time', int(s.time), 'data', data)
  if added.err and string.find(added.err, ' ID', 1, true) then return nil end -- there is a higher one
  return added
end

local s = open()
if not s and count == 0 then
  publish('channel:' .. name, frame(data, now))
  return false
end
s = s or begin(seed)
raise(s, count, ttl)
local added = append(s)
if not added then
  local anew = begin(seed)
  raise(anew, s.count, s.ttl)
  s, added = anew, append(anew)
end
if added.err then return added end
save(s)
local epoch = s.epoch .. '.' .. era()
publish('channel:' .. name, frame(data, s.time, s.top, epoch))
return {epoch, s.top}

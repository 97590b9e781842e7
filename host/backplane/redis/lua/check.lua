-- needs: common
-- Tries each command that scripts use, with so many arguments as it takes, on a
-- key of its own, and returns those that cannot be used, each with the reason.
local missing = {}
local function try(name)
  for count = 0, 8 do
    local args = {}
    for i = 1, count do args[i] = base .. 'check' end
    local answer = redis.pcall(name, unpack(args))
    local failed = type(answer) == 'table' and answer.err
    if not failed then return end
    local lower = string.lower(failed)
    if not string.find(lower, 'wrong number of arg', 1, true) and not string.find(lower, 'at least one argument', 1, true) then
      for _, sign in ipairs({'unknown', 'noperm', 'permission', 'acl failure', 'user executing the script'}) do
        if string.find(lower, sign, 1, true) and not string.find(lower, 'unknown subcommand', 1, true) then
          missing[#missing + 1] = name
          missing[#missing + 1] = failed
          return
        end
      end
      if string.find(lower, '^-?loading') or string.find(lower, 'readonly', 1, true) or string.find(lower, 'misconf', 1, true) or string.find(lower, 'noreplicas', 1, true) then
        missing[#missing + 1] = name
        missing[#missing + 1] = failed
        return
      end
    end
    redis.call('DEL', base .. 'check')
  end
end
try('DEL')
if #missing == 0 then
  for i = 1, #ARGV do try(ARGV[i]) end
  redis.call('DEL', base .. 'check')
end
return missing

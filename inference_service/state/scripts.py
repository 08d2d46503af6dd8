"""The rules of `credentials/pool.py` and `credentials/breaker.py` as Redis scripts: atomic, one round trip each.

A pool is a hash of credentials, each a JSON document; a breaker is a JSON document. Times are epoch seconds of the
asking process. Keys: KEYS[1] pool, KEYS[2] breaker; both carry one hash tag, so that they share a slot.
"""

COMMON = """
local function load(text) if text then return cjson.decode(text) end return nil end
local function fresh(group)
  return {group=group, leases={}, rests=0, reason='', model_rests={}, quotas={}, strikes=0, refused=0,
          quarantined=false, used=0, calls=0}
end
local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end
local function expire(c, now) for l, untl in pairs(c.leases) do if untl <= now then c.leases[l] = nil end end end
local function put(pool, id, c) redis.call('HSET', pool, id, cjson.encode(c)) end
local function rest(c, model, untl, reason)
  if model ~= '' then c.model_rests[model] = math.max(c.model_rests[model] or 0, untl)
  else c.rests = math.max(c.rests, untl) end
  c.reason = reason
end
local function breaker(key)
  return load(redis.call('GET', key)) or {bad={}, probe_at=0, probing='', probing_until=0, benched=false, reason=''}
end
local function put_breaker(key, b)
  if b.probe_at == 0 and #b.bad == 0 and b.probing == '' then redis.call('DEL', key)
  else redis.call('SET', key, cjson.encode(b), 'EX', 172800) end
end
"""

# ARGV: now, lease, lease time, probe interval, model, max concurrent, excluded ids as JSON, then id, group, id, group …
# Answer: {"grant", id, probe} or {"denied", why, wait, reason}
ACQUIRE = (
    COMMON
    + """
local now, lease, lease_time = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local model, most = ARGV[5], tonumber(ARGV[6])
local excluded = {}
for _, id in ipairs(cjson.decode(ARGV[7])) do excluded[id] = true end
local b = breaker(KEYS[2])
local probe = false
if b.probe_at > 0 then
  if now < b.probe_at then return {'denied', 'breaker', tostring(b.probe_at - now), b.reason} end
  if b.probing ~= '' and now < b.probing_until then return {'denied', 'breaker', ARGV[4], b.reason} end
  probe = true
end
local best, best_id, best_key, busy, wait, reason
local function better(a, z)
  for i = 1, 4 do if a[i] ~= z[i] then return a[i] < z[i] end end
  return false
end
for i = 8, #ARGV, 2 do
  local id = ARGV[i]
  if not excluded[id] then
    local c = load(redis.call('HGET', KEYS[1], id)) or fresh(ARGV[i + 1])
    c.group = ARGV[i + 1]
    expire(c, now)
    local flying = count(c.leases)
    local wakes = math.max(c.rests, c.model_rests[model] or 0)
    if wakes > now then
      reason = reason or c.reason
      if not c.quarantined and (not wait or wakes - now < wait) then wait = wakes - now end
    elseif c.quarantined and flying > 0 then
      -- its one probe is under way
    elseif most > 0 and flying >= most then busy = true
    else
      local left = 1073741824
      for _, key in ipairs({'*', model}) do
        local q = c.quotas[key]
        if q and q.resets > now and q.left < left then left = q.left end
      end
      local key = {c.quarantined and 0 or 1, flying, -left, c.used}
      if not best or better(key, best_key) then best, best_id, best_key = c, id, key end
    end
  end
end
if not best then
  if busy then return {'denied', 'busy', '', 'busy'} end
  if wait then return {'denied', 'resting', tostring(wait), reason or ''} end
  return {'denied', 'none', '', reason or ''}
end
best.leases[lease] = now + lease_time
best.used = now
best.calls = best.calls + 1
for _, key in ipairs({'*', model}) do
  local q = best.quotas[key]
  if q and q.resets > now then
    q.left = math.max(0, q.left - 1)
    if q.left == 0 then rest(best, key == '*' and '' or key, q.resets, 'rate_limited') end
  end
end
put(KEYS[1], best_id, best)
if probe then
  b.probing, b.probing_until = lease, now + lease_time
  put_breaker(KEYS[2], b)
end
return {'grant', best_id, probe and '1' or '0'}
"""
)

# ARGV: now, lease, id, model, vote, reason, rest until (0: none), scope, quarantine until (0), good (0/1), failures, window,
#       probe interval, bench
RELEASE = (
    COMMON
    + """
local now, lease, id, model, vote, reason = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local untl, scope, good = tonumber(ARGV[7]), ARGV[8], ARGV[10] == '1'
local c = load(redis.call('HGET', KEYS[1], id))
if c then
  c.leases[lease] = nil
  if tonumber(ARGV[9]) > 0 then
    c.quarantined, c.rests, c.reason = true, tonumber(ARGV[9]), reason
    c.refused = c.refused + 1
  elseif untl > 0 then
    c.strikes = c.strikes + 1
    local key = (scope == 'credential_model' or scope == 'group_model') and model or ''
    rest(c, key, untl, reason)
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all, 2 do
      local other = cjson.decode(all[i + 1])
      if all[i] ~= id and other.group == c.group then
        rest(other, key, untl, reason)
        put(KEYS[1], all[i], other)
      end
    end
  elseif good then
    c.strikes, c.refused, c.quarantined = 0, 0, false
    if c.rests <= now then c.reason = '' end
  end
  put(KEYS[1], id, c)
end
local b = breaker(KEYS[2])
local probe = b.probing == lease
if probe then b.probing = '' end
if vote == 'good' and (probe or b.probe_at == 0) then
  b.bad, b.probe_at, b.benched, b.reason = {}, 0, false, ''
elseif vote == 'gone' then
  b.probe_at, b.benched, b.reason = now + tonumber(ARGV[14]), true, reason
elseif vote == 'bad' then
  table.insert(b.bad, now)
  while b.bad[1] and b.bad[1] <= now - tonumber(ARGV[12]) do table.remove(b.bad, 1) end
  if probe and b.benched then b.probe_at = now + tonumber(ARGV[14])
  elseif probe or #b.bad >= tonumber(ARGV[11]) then
    b.reason = reason
    b.probe_at = math.max(b.probe_at, now + tonumber(ARGV[13]))
  end
end
put_breaker(KEYS[2], b)
return c and tostring(c.strikes) or '0'
"""
)

# ARGV: now, id, key of the quota, left, resets at
REPORT = (
    COMMON
    + """
local now, id, key, left, resets = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local c = load(redis.call('HGET', KEYS[1], id))
if not c then return 0 end
local known = c.quotas[key]
if known and known.resets > now and known.left < left then left = known.left end
c.quotas[key] = {left=left, resets=resets}
if left == 0 then rest(c, key == '*' and '' or key, resets, 'rate_limited') end
put(KEYS[1], id, c)
return 1
"""
)

# What a process remembers, told to a Redis that is new or was away; nothing ends earlier by it.
# ARGV: number of rests, then id, group, model, until, reason, times refused of each; then id, group, lease, until of each call
RESTORE = (
    COMMON
    + """
local function at(i) return load(redis.call('HGET', KEYS[1], ARGV[i])) or fresh(ARGV[i + 1]) end
local last = 1 + 6 * tonumber(ARGV[1])
for i = 2, last, 6 do
  local c, refused = at(i), tonumber(ARGV[i + 5])
  rest(c, ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4])
  if refused > 0 then c.quarantined, c.refused = true, math.max(c.refused, refused) end
  put(KEYS[1], ARGV[i], c)
end
for i = last + 1, #ARGV, 4 do
  local c = at(i)
  c.leases[ARGV[i + 2]] = tonumber(ARGV[i + 3])
  put(KEYS[1], ARGV[i], c)
end
return 1
"""
)

# Calls that are still running. ARGV: until, then id, lease of each
RENEW = (
    COMMON
    + """
for i = 2, #ARGV, 2 do
  local c = load(redis.call('HGET', KEYS[1], ARGV[i]))
  if c and c.leases[ARGV[i + 1]] then
    c.leases[ARGV[i + 1]] = tonumber(ARGV[1])
    put(KEYS[1], ARGV[i], c)
  end
end
return 1
"""
)

# A call whose grant nobody has received. ARGV: lease
FORGET = (
    COMMON
    + """
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local c = cjson.decode(all[i + 1])
  if c.leases[ARGV[1]] then
    c.leases[ARGV[1]] = nil
    put(KEYS[1], all[i], c)
  end
end
local b = breaker(KEYS[2])
if b.probing == ARGV[1] then
  b.probing = ''
  put_breaker(KEYS[2], b)
end
return 1
"""
)

LIFT = (
    COMMON
    + """
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local c = cjson.decode(all[i + 1])
  if c.quarantined then
    c.quarantined, c.refused, c.rests, c.reason = false, 0, 0, ''
    put(KEYS[1], all[i], c)
  end
end
return 1
"""
)

ALL = (ACQUIRE, RELEASE, REPORT, RESTORE, RENEW, FORGET, LIFT)

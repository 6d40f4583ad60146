-- stage.lua: the nightly check-in of the stage area, for cron. It says nothing
-- when there is nothing to do, and fails where two have changed one file. cvs has
-- to be told of each file that is new or gone, and of each whether it is text.
local cli, cvs, farm = require "cli", require "cvs", require "farm"
local site = require "site"
local source = require "cvs-pull-snapshot"

local args = cli.parse {
  about = [[
Checks in what was changed in the stage area: first what others have checked in
comes into it, then new files go into CVS and files that are gone leave it. A
conflict stops it before anything is changed. Without changes it says nothing, but
for the names of files that cvs leaves out: .cvsignore is for those it should.]],
  message = { default = "nightly check-in of the stage area", help = "what to write into the log" },
}

if not site.stage then error("site.stage does not say where the stage area is", 0) end
local dir = site.stage.dir

-- Makes new files known to CVS, pictures and the like as such.
local function add(host, paths)
  if #paths == 0 then return end
  local function find(...)
    local words = { "find" }
    for _, path in ipairs(paths) do words[#words + 1] = "./" .. path end
    for _, word in ipairs { "-type", ... } do words[#words + 1] = word end
    words[#words + 1] = "-print"
    local found, list = host:query(words, { dir = dir }), {}
    for path in found.stdout:gmatch "%./([^\n]+)" do list[#list + 1] = path end
    return list
  end
  local is_text = { "(", "-size", "0", "-o", "-exec", "grep", "-Iq", "", "{}", ";", ")" }
  -- All are looked for before cvs adds files of its own.
  local dirs, texts, others = find "d", find("f", unpack(is_text)), find("f", "!", unpack(is_text))
  cvs.add(host, { dir = dir, files = dirs })
  cvs.add(host, { dir = dir, files = texts })
  cvs.add(host, { dir = dir, files = others, binary = true })
end

-- Names new files that cvs leaves out, for lists of names such as core and *.so have
-- them, but for its own copies.
local function say_left_out(host, new)
  local is_new = {}
  for _, path in ipairs(new) do is_new[path] = true end
  for _, file in ipairs((cvs.update(host, { dir = dir, look = true, all = true }))) do
    if file.status == "?" and not is_new[file.path] and not file.path:match("[^/]*$"):find "^%.#" then
      host:log(file.path .. " is left out: cvs ignores files of such a name (cvs add takes it all the same)")
    end
  end
end

-- cvs would send a name with a line end to its server as two requests.
local function check_names(host)
  local how = { dir = dir, title = "look for names with a line end" }
  local odd = host:query({ "find", ".", "-name", "*\n*" }, how).stdout
  if odd ~= "" then error("cvs cannot take a name with a line end: " .. odd:sub(1, -2):gsub("\n", "?"), 0) end
end

farm.each(farm.hosts(site.stage.host)[1], function(host)
  check_names(host)
  source.open_tunnel(host)
  local new, gone, is_gone = {}, {}, {}
  local function say(path)
    if farm.dry_run() then host:log("would check in " .. path) end
  end
  for _, file in ipairs(cvs.status(host, { dir = dir })) do
    if file.status == "Needs Checkout" and file.working ~= "" then
      if file.working ~= file.repository then
        error(("conflict in %s: it is gone here, and somebody has changed it in the repository"):format(file.path), 0)
      end
      gone[#gone + 1], is_gone[file.path] = file.path, true
      say(file.path .. ", which is gone")
    end
  end
  local news, changed = false, #gone > 0
  for _, file in ipairs((cvs.update(host, { dir = dir, look = true }))) do
    local ours = file.status:find "[MGAR?]" ~= nil
    if file.status == "?" then new[#new + 1] = file.path end
    if ours and not is_gone[file.path] then say(file.path) end
    news = news or file.status:find "[UPGD]" ~= nil and not is_gone[file.path]
    changed = changed or ours
  end
  say_left_out(host, new)
  if #gone > 0 then cvs.remove(host, { dir = dir, files = gone }) end
  if news then cvs.update(host, { dir = dir }) end
  add(host, new)
  if changed then cvs.commit(host, { dir = dir, message = args.message }) end
end)

@echo off
rem Sets Antiphon up and starts it on Windows. Arguments go to the command: run.cmd chat "Hello"
cd /d "%~dp0"
where py >nul 2>nul && (py -3 -m antiphon.setup %* & exit /b)
python -m antiphon.setup %*

create table shared.countries (code text primary key);
insert into shared.countries (code) values ('is');

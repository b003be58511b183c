import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = False
    dependencies = [("shop", "0003_blogs")]
    operations = [
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="BlogTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("blog", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.blog")),
                ("tag", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.tag")),
            ],
            options={"unique_together": {("blog", "tag")}},
        ),
    ]
